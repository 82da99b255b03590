using System.Net.WebSockets;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>The calls of the handler, and what becomes of the connection when one fails.</summary>
internal sealed partial class Connection
{
    private static DisconnectReason HandlerError(WebSocketCloseStatus status, string description, Exception exception) =>
        new() { Kind = DisconnectKind.HandlerError, CloseStatus = status, Description = description, Exception = exception };

    private ValueTask TakeAsync(ReceivedMessage message) => _inbound is null ? HandleAsync(message) : _inbound.TakeAsync(message);

    private ValueTask HandleAsync(ReceivedMessage message)
    {
        if (message.Id is { } id && Session!.IsHandled(id)) // only those of sessions have one
        {
            message.Release();
            TellHandled(id, isRepeat: true);
            return ValueTask.CompletedTask;
        }

        if (Reason is null && _handler is { } handler)
        {
            return CallAsync(handler, message);
        }

        message.Release();
        return ValueTask.CompletedTask;
    }

    /// <param name="handler">The handler.</param>
    /// <param name="received">The message, or null for the call that says that the connection is open.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))] // awaited once, by whoever reads
    private async ValueTask CallAsync(WebSocketHandler handler, ReceivedMessage? received)
    {
        if (Session is { } session && !session.Handling.TryBegin())
        {
            received?.Release();
            return; // another connection goes on with the session, and the client sends there what was not answered here
        }

        try
        {
            if (received is { } message)
            {
                _services.Metrics.MessageReceived();
                await handler.OnMessageAsync(message.Message, Aborted);
            }
            else
            {
                await handler.OnConnectedAsync(Aborted);
            }

            if (received?.Id is { } id)
            {
                TellHandled(id, isRepeat: false);
            }
        }
        catch (Exception exception) when (IsOfEnding(exception))
        {
            // No fault of the handler.
        }
        catch (InvalidJsonException exception) when (received is not null)
        {
            // The client's fault, which must neither look like the handler's nor fill the log.
            Close(new()
            {
                Kind = DisconnectKind.ProtocolError,
                CloseStatus = WebSocketCloseStatus.InvalidPayloadData,
                Description = "The message is not the JSON that is expected here.",
                Exception = exception,
            });
        }
        catch (Exception exception) when (_services.IsForgiven(exception))
        {
            _services.ReportFailedSend(Id, exception);
        }
        catch (Exception exception)
        {
            _services.Metrics.HandlerFailed();
            var reason = received is null
                ? HandlerError(CloseCodes.TryAgainLater, "The server could not begin the connection. Connect again later.", exception)
                : HandlerError(WebSocketCloseStatus.InternalServerError, "The server failed to handle a message.", exception);
            _services.Log.HandlerFailed(Id, (int)reason.CloseStatus!.Value, exception);
            Close(reason);
        }
        finally
        {
            received?.Release();
            Session?.Handling.End();
        }
    }
}

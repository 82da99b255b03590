using System.Globalization;
using System.Net.WebSockets;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.WebPubSub;

/// <summary>Serves one client of any hub and subprotocol.</summary>
internal sealed partial class WebPubSubHandler(IWebSocketRouterFactory routers, IClientEvents events, ILogger<WebPubSubHandler> logger) : WebSocketHandler
{
    private const string Duplicate = "Duplicate";
    private const string Forbidden = "Forbidden";
    private const string Failed = "InternalServerError";

    private ClientRequests? _requests;
    private IWebSocketRouter? _router;
    private IClientProtocol? _protocol;
    private Invocations? _invocations;
    private bool _isRefused;

    private ClientRequests Requests => _requests ??= new(Router, Connection, events);

    private IWebSocketRouter Router => _router ??= routers.GetRouter(Connection.Hub);

    public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
    {
        _protocol = ClientProtocols.Find(Connection.SubProtocol);
        var isRecovery = RecoveryQuery.IsIn(Connection.Query);
        if (isRecovery && _protocol is not { IsReliable: true })
        {
            // What no reliable client began cannot be gone on with. Any other answer would have the client try again.
            _isRefused = true;
            await Connection.CloseAsync(WebSocketCloseStatus.PolicyViolation, "The session cannot be recovered.", cancellationToken);
        }
        else if (!isRecovery)
        {
            await events.OnConnectedAsync(Connection, cancellationToken);
        }
    }

    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        if (_isRefused)
        {
            return ValueTask.CompletedTask;
        }

        if (_protocol is not { } protocol)
        {
            return Requests.OfSimpleClientAsync(message, cancellationToken);
        }

        if (message.IsText == protocol.Format.IsBinary)
        {
            return Connection.CloseAsync(
                WebSocketCloseStatus.InvalidMessageType,
                protocol.Format.IsBinary ? "The subprotocol has binary messages only." : "The subprotocol has text messages only.",
                cancellationToken);
        }

        ClientRequest request;
        try
        {
            request = protocol.Format.Read(message.Data);
        }
        catch (BadFrameException exception)
        {
            return Connection.CloseAsync(WebSocketCloseStatus.InvalidPayloadData, exception.Message, cancellationToken);
        }

        return request.Kind switch
        {
            ClientRequestKind.Ping => Connection.SendOfProtocolAsync(protocol.Format.Pong, cancellationToken),
            ClientRequestKind.SequenceAck => ValueTask.CompletedTask, // of a plain connection: it has no numbers
            ClientRequestKind.Invoke => Invoke(request, protocol.Format),
            ClientRequestKind.CancelInvocation => Cancel(request),
            _ => AnswerAsync(request, protocol.Format, cancellationToken),
        };
    }

    public override ValueTask OnDisconnectedAsync(DisconnectReason reason) =>
        _isRefused ? ValueTask.CompletedTask : events.OnDisconnectedAsync(Connection, reason);

    /// <summary>Does what is asked for, and answers if an answer is wanted.</summary>
    private async ValueTask AnswerAsync(ClientRequest request, FrameFormat format, CancellationToken cancellationToken)
    {
        if (request.AckId is not { } ackId)
        {
            await TryAsync(request, cancellationToken); // whatever comes of it, the client is told nothing
            return;
        }

        var id = ackId.ToString(CultureInfo.InvariantCulture);
        if (Connection.IsHandled(id))
        {
            await Connection.SendOfProtocolAsync(
                format.Ack(ackId, Duplicate, $"The request with the ack id {id} has been processed."), cancellationToken);
            return;
        }

        var failure = await TryAsync(request, cancellationToken);
        if (failure is null)
        {
            Connection.SetHandled(id); // a request that failed may be sent again under its id
        }

        await Connection.SendOfProtocolAsync(
            failure is { } failed ? format.Ack(ackId, failed.Name, failed.Message) : format.Ack(ackId), cancellationToken);
    }

    /// <summary>Does what is asked for.</summary>
    /// <returns>What went wrong; null for nothing.</returns>
    private async ValueTask<(string Name, string Message)?> TryAsync(ClientRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await Requests.DoAsync(request, cancellationToken) ? null : (Forbidden, "The client has no permission for this group.");
        }
        catch (EventFailedException exception)
        {
            return (exception.Name, exception.Message);
        }
        catch (Exception exception) when (exception is not StaleFenceException && !cancellationToken.IsCancellationRequested)
        {
            Log.RequestFailed(logger, request.Kind, Connection.Hub, exception);
            return (Failed, "The server could not do it. Try again later.");
        }
    }

    private ValueTask Invoke(ClientRequest request, FrameFormat format)
    {
        var (id, invocations) = (request.InvocationId!, _invocations ??= new(Connection.Aborted)); // an invocation has an id
        if (invocations.TryBegin(id) is not { } invocation)
        {
            return SendAsync(format.InvokeFailure(
                id, "BadRequest", $"An invocation of this id is open, or {Invocations.MaxOpen} of the client are."));
        }

        // It is over when the connection is at the latest; its data does not outlive this call otherwise.
        _ = RunAsync(request with { Data = request.Data.ToArray() }, format, id, invocation);
        return ValueTask.CompletedTask;
    }

    private async Task RunAsync(ClientRequest request, FrameFormat format, string id, CancellationTokenSource invocation)
    {
        var cancellationToken = invocation.Token;
        WebSocketMessage? answer;
        try
        {
            answer = format.InvokeResponse(id, await Requests.InvokeAsync(request, cancellationToken));
        }
        catch (EventFailedException exception)
        {
            answer = format.InvokeFailure(id, exception.Name, exception.Message);
        }
        catch (Exception exception)
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                Log.RequestFailed(logger, request.Kind, Connection.Hub, exception);
            }

            answer = format.InvokeFailure(id, Failed, "The server could not do it. Try again later.");
        }

        var isWanted = !cancellationToken.IsCancellationRequested;
        _invocations?.End(id, invocation);
        if (isWanted)
        {
            await SendAsync(answer);
        }
    }

    private ValueTask Cancel(in ClientRequest request)
    {
        _invocations?.Cancel(request.InvocationId!); // which it has
        return ValueTask.CompletedTask;
    }

    private ValueTask SendAsync(WebSocketMessage? message) => message is { } answer ? Connection.SendOfProtocolAsync(answer) : ValueTask.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(401, LogLevel.Warning, "A request {Kind} of a client of Web PubSub hub {Hub} failed.")]
        public static partial void RequestFailed(ILogger logger, ClientRequestKind kind, string hub, Exception exception);
    }
}

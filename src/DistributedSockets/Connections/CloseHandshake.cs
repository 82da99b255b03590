using System.Buffers;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections;

namespace DistributedSockets;

/// <summary>How one connection ends: for one reason, by close frames in both directions or by a cut, and in bounded time.</summary>
/// <param name="request">The request of the handshake.</param>
/// <param name="socket">The platform's WebSocket.</param>
/// <param name="tap">What the platform writes through, if there is a transport to tap.</param>
/// <param name="queue">What is still to be written before a close frame.</param>
/// <param name="services">What all connections share.</param>
/// <param name="owner">Is told when the end begins.</param>
internal sealed class CloseHandshake(
    HandshakeRequest request,
    WebSocket socket,
    TapStream? tap,
    OutboundQueue queue,
    ConnectionServices services,
    ICloseHandshakeOwner owner)
{
    private const int LingerBytes = 4_096;

    private readonly CancellationTokenSource _aborted = new();
    private DisconnectReason? _reason;
    private Task _closing = Task.CompletedTask;
    private TaskCompletionSource? _receiveEnded; // made when it is waited for
    private bool _hasReceiveEnded;

    /// <summary>Why it ended; set once, when it begins to end.</summary>
    internal DisconnectReason? Reason => Volatile.Read(ref _reason);

    /// <summary>Cancelled when the connection has ended, or its transport has gone.</summary>
    internal CancellationToken Aborted => _aborted.Token;

    /// <summary>Whether an exception says that the transport has failed, or that the client broke the protocol.</summary>
    internal static bool IsTransportFailure(Exception exception) =>
        exception is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or ConnectionAbortedException or InvalidOperationException;

    /// <summary>Says why the connection ends, if nobody has before, without doing anything about it.</summary>
    internal bool TryBegin(DisconnectReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
        {
            return false;
        }

        owner.OnEnding();
        return true;
    }

    /// <summary>Begins the close handshake once; whoever comes first says why.</summary>
    internal void Close(DisconnectReason reason) =>
        Close(reason, reason.CloseStatus ?? WebSocketCloseStatus.NormalClosure, reason.Description);

    /// <summary>Answers the client's close frame, unless ours has gone out before; the task never fails.</summary>
    internal Task AnswerAsync()
    {
        OnReceiveEnded();
        var status = socket.CloseStatus is null or WebSocketCloseStatus.Empty ? WebSocketCloseStatus.NormalClosure : socket.CloseStatus.Value;
        var told = tap is { NotesTail: true, IsClosedWithoutStatus: true } ? WebSocketCloseStatus.Empty : socket.CloseStatus;
        Close(new() { Kind = DisconnectKind.ClosedByClient, CloseStatus = told, Description = socket.CloseStatusDescription }, status, null);
        return _closing;
    }

    /// <summary>Nobody reads any more, so there is no answer to wait for.</summary>
    internal void OnReceiveEnded()
    {
        lock (this)
        {
            _hasReceiveEnded = true;
            _receiveEnded?.TrySetResult(); // who waits goes on elsewhere
        }
    }

    /// <summary>Notes why reading failed. If the client broke the protocol, it is given time to read the close frame that tells it so.</summary>
    internal async Task OnReceiveFailedAsync(Exception exception)
    {
        if (IsUninflatable(exception))
        {
            queue.Close(WebSocketCloseStatus.InvalidPayloadData); // which the platform leaves to us
        }

        // A close frame of the platform's own is its answer to what the protocol forbids (RFC 6455 §7.1.7).
        if (queue.PlatformCloseStatus is { } status)
        {
            TryBegin(new()
            {
                Kind = DisconnectKind.ProtocolError,
                CloseStatus = status,
                Description = "The client sent what the WebSocket protocol forbids (RFC 6455).",
                Exception = exception,
            });
            await LingerAsync();
        }

        TryBegin(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });
    }

    /// <summary>Cuts the connection at once, without a close frame.</summary>
    internal void Abort(DisconnectReason reason)
    {
        TryBegin(reason);
        Cut();
    }

    /// <summary>Cuts the connection, whatever the reason.</summary>
    internal void Cut()
    {
        OnTransportGone(); // handlers may register anything on the token, so its callbacks run elsewhere
        request.Cut(socket);
    }

    /// <summary>The transport noticed that the client has gone, perhaps while the handler is busy.</summary>
    internal void OnTransportGone() => _ = CancelAbortedAsync(); // never throws

    /// <summary>Waits for the close handshake if there is one. The connection has ended then, for a reason.</summary>
    internal async Task FinishAsync()
    {
        TryBegin(new() { Kind = DisconnectKind.ConnectionLost });
        Task closing;
        lock (this)
        {
            closing = _closing;
        }

        await closing;
        await CancelAbortedAsync();
    }

    /// <summary>Whether the platform could not inflate a message; only then its exception has no error code.</summary>
    private static bool IsUninflatable(Exception exception) =>
        exception is WebSocketException { WebSocketErrorCode: WebSocketError.Success, InnerException: null };

    private void Close(DisconnectReason reason, WebSocketCloseStatus status, string? description)
    {
        lock (this)
        {
            if (TryBegin(reason))
            {
                _closing = CloseOutputAsync(status, description);
            }
        }
    }

    private Task ReceiveEndedAsync()
    {
        lock (this)
        {
            return _hasReceiveEnded ? Task.CompletedTask : (_receiveEnded ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private async Task CloseOutputAsync(WebSocketCloseStatus status, string? description)
    {
        queue.Complete();
        await Task.Yield(); // the caller holds a lock, and may be anyone's send
        using var timeout = new CancellationTokenSource(services.Options.CloseTimeout, services.Time);
        using var cut = timeout.Token.UnsafeRegister(static state => ((CloseHandshake)state!).Cut(), this); // state is this
        try
        {
            if (tap is null)
            {
                await queue.DrainAsync().WaitAsync(timeout.Token);
            }

            await socket.CloseOutputAsync(status, description, CancellationToken.None);
            await ReceiveEndedAsync().WaitAsync(timeout.Token);
        }
        catch (Exception exception)
        {
            if (!IsTransportFailure(exception))
            {
                services.Log.CloseFailed(owner.Id, exception);
            }

            if (queue.PlatformCloseStatus is null || timeout.IsCancellationRequested)
            {
                Cut(); // the client is gone or does not answer; the reason already says why it closes
            }
        }
    }

    /// <summary>Reads and drops what a client that broke the protocol still sends: closed with data unread, TCP would reset and take our close frame with it.</summary>
    private async Task LingerAsync()
    {
        if (tap is null)
        {
            return;
        }

        using var timeout = new CancellationTokenSource(services.Options.CloseTimeout, services.Time);
        var buffer = ArrayPool<byte>.Shared.Rent(LingerBytes);
        try
        {
            while (await tap.Transport.ReadAsync(buffer, timeout.Token) > 0)
            {
            }
        }
        catch (Exception exception) when (IsTransportFailure(exception))
        {
            // Gone, or given time enough.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task CancelAbortedAsync()
    {
        try
        {
            await _aborted.CancelAsync();
        }
        catch (AggregateException exception)
        {
            services.Metrics.HandlerFailed();
            services.Log.AbortedFailed(owner.Id, exception);
        }
    }
}

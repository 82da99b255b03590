using System.Buffers;
using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace DistributedSockets;

/// <summary>One accepted WebSocket: calls its handler with what comes, queues what goes, and closes once.</summary>
internal sealed class Connection : WebSocketConnection, IOutboundQueueOwner, IMessageReaderOwner
{
    private const int LingerBytes = 4_096;
    private const double MaxAgeJitter = 0.1;

    private readonly WebSocket _socket;
    private readonly HttpContext _context;
    private readonly OutboundQueue _queue;
    private readonly MessageReader _reader;
    private readonly CancellationTokenSource _aborted = new();
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _receiveEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConnectionServices _services;
    private readonly TapStream? _tap;
    private readonly long _openedAt; // a timestamp, so that a clock that jumps ends nothing
    private readonly TimeSpan _maxAge;
    private DisconnectReason? _reason;
    private Task _closing = Task.CompletedTask;
    private IDictionary<object, object?>? _items;
    private WebSocketHandler? _handler;
    private bool _disposed;
    private long _authenticationExpiresAt = long.MaxValue;
    private PingState _pings;
    private long _usedAt;
    private long _endingSince;

    /// <param name="context">The request of the handshake.</param>
    /// <param name="socket">The platform's WebSocket.</param>
    /// <param name="tap">What the platform writes through, if there is a transport to tap.</param>
    /// <param name="hub">The hub.</param>
    /// <param name="userId">The user, if known.</param>
    /// <param name="services">What all connections share.</param>
    /// <param name="takesDeflated">Whether the client agreed to frames that are compressed for all. Without a tap it gets none.</param>
    internal Connection(
        HttpContext context, WebSocket socket, TapStream? tap, string hub, string? userId, ConnectionServices services, bool takesDeflated = false)
    {
        _context = context;
        _socket = socket;
        _services = services;
        _tap = tap;
        Id = ConnectionId.Create(services.Node.Info.NodeId);
        Hub = hub;
        UserId = userId;
        User = context.User;

        // Copied, since the server uses its own again for other requests once this one has ended.
        Headers = new HeaderDictionary(new Dictionary<string, StringValues>(context.Request.Headers, StringComparer.OrdinalIgnoreCase));
        Query = context.Request.Query;
        RemoteIpAddress = context.Connection.RemoteIpAddress;
        ConnectedAt = services.Time.GetUtcNow();
        _openedAt = services.Time.GetTimestamp();
        _maxAge = services.Options.MaxConnectionAge == TimeSpan.Zero
            ? TimeSpan.MaxValue
            : services.Options.MaxConnectionAge * (1 - (Random.Shared.NextDouble() * MaxAgeJitter));
        AuthenticationExpiresAt = context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc;
        _queue = new(tap is null ? new WebSocketFrameWriter(socket) : tap.Output, services.Options, this, takesDeflated && tap is not null);
        _reader = new(socket, tap is not null, services, this);
        if (tap is not null)
        {
            tap.Queue = _queue;
        }
    }

    public override string Id { get; }

    public override string NodeId => _services.Node.Info.NodeId;

    public override string Hub { get; }

    public override string? UserId { get; }

    public override ClaimsPrincipal User { get; }

    public override IHeaderDictionary Headers { get; }

    public override IQueryCollection Query { get; }

    public override IPAddress? RemoteIpAddress { get; }

    public override string? SubProtocol => _socket.SubProtocol;

    public override DateTimeOffset ConnectedAt { get; }

    public override DateTimeOffset? AuthenticationExpiresAt
    {
        get => Volatile.Read(ref _authenticationExpiresAt) is var ticks && ticks == long.MaxValue ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
        set => Volatile.Write(ref _authenticationExpiresAt, value?.UtcTicks ?? long.MaxValue);
    }

    public override IDictionary<object, object?> Items => LazyInitializer.EnsureInitialized(ref _items, static () => new Dictionary<object, object?>());

    public override CancellationToken Aborted => _aborted.Token;

    /// <summary>The groups; guarded by the hub's gate.</summary>
    internal HashSet<string>? Groups { get; set; }

    /// <summary>What the hub reads its session with, once there is a change of its groups; guarded by the hub's gate.</summary>
    internal Func<Session>? ReadSession { get; set; }

    /// <summary>Whether the hub has let go of it; guarded by the hub's gate.</summary>
    internal bool Removed { get; set; }

    /// <summary>The groups it is on its way into.</summary>
    internal PendingJoins Joins { get; } = new();

    internal OutboundQueue Queue => _queue;

    /// <summary>Whether the client's close frame has come, at least its beginning, while the handler is busy.</summary>
    internal bool IsClosedByClient => _reader.WaitingSince == 0 && _socket.State == WebSocketState.CloseReceived;

    /// <summary>Why it ended; set once, when it begins to end.</summary>
    internal DisconnectReason? Reason => Volatile.Read(ref _reason);

    public override ValueTask SendAsync(WebSocketMessage message, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var frame = SharedFrame.Encode(message, _queue.TakesDeflated ? _services.Deflater : null);
        if (_queue.TryEnqueue(frame))
        {
            _services.Metrics.FramesSent(1);
        }

        _queue.Start();
        return ValueTask.CompletedTask;
    }

    public override ValueTask CloseAsync(
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default)
    {
        CloseCodes.Check(closeStatus, reason);
        cancellationToken.ThrowIfCancellationRequested();
        Close(new() { Kind = DisconnectKind.ClosedByServer, CloseStatus = closeStatus, Description = reason });
        return ValueTask.CompletedTask;
    }

    public override void Abort() => Abort(new() { Kind = DisconnectKind.ClosedByServer });

    /// <summary>Cuts the connection at once, without a close frame.</summary>
    internal void Abort(DisconnectReason reason)
    {
        TrySetReason(reason);
        Cut();
    }

    /// <summary>Begins the close handshake once; whoever comes first says why.</summary>
    internal void Close(DisconnectReason reason) =>
        Close(reason, reason.CloseStatus ?? WebSocketCloseStatus.NormalClosure, reason.Description);

    /// <summary>Writes what was sent to it since it was made, now that its tap is open.</summary>
    internal void Open()
    {
        if (_tap?.Output is { } output)
        {
            _queue.Open(output);
        }
    }

    /// <summary>Ends a connection whose handshake could not be answered.</summary>
    internal void Abandon(Exception exception)
    {
        TrySetReason(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });
        _receiveEnded.TrySetResult();
        _queue.Abandon(exception);
    }

    /// <summary>Calls the handler until the connection has ended; the reason is set then.</summary>
    internal async Task RunAsync(WebSocketHandler handler)
    {
        try
        {
            _handler = handler;
            await _reader.RunAsync(CallAsync(handler, message: null), Aborted);
        }
        catch (Exception exception) when (IsTransportFailure(exception))
        {
            if (IsUninflatable(exception))
            {
                _queue.Close(WebSocketCloseStatus.InvalidPayloadData); // which the platform leaves to us
            }

            // A close frame of the platform's own is its answer to what the protocol forbids (RFC 6455 §7.1.7).
            if (_queue.PlatformCloseStatus is { } status)
            {
                TrySetReason(Closed(DisconnectKind.ProtocolError, status, "The client sent what the WebSocket protocol forbids (RFC 6455).", exception));
                await LingerAsync();
            }

            TrySetReason(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });
        }
        finally
        {
            _receiveEnded.TrySetResult();
        }
    }

    /// <summary>Closes a connection whose handler could not be made.</summary>
    internal Task FailAsync(Exception exception)
    {
        _services.Metrics.HandlerFailed();
        Close(HandlerError("The server failed to handle the connection.", exception));
        _receiveEnded.TrySetResult(); // nobody reads any more, so there is no answer to wait for
        return _closing;
    }

    /// <summary>Ends what is still going on. The handler has not been told yet.</summary>
    internal async Task EndAsync()
    {
        Task closing;
        lock (_gate)
        {
            TrySetReason(new() { Kind = DisconnectKind.ConnectionLost });
            closing = _closing;
        }

        await closing;
        await CancelAbortedAsync();
    }

    /// <summary>Lets go of the socket and of all frames that wait.</summary>
    internal async Task DisposeAsync()
    {
        var written = _queue.DisposeAsync();
        if (!written.IsCompleted)
        {
            Cut(); // a write that the client does not take ends only so
            await written;
        }

        _socket.Dispose();
        lock (_gate)
        {
            _disposed = true;
        }
    }

    /// <summary>The transport noticed that the client has gone, perhaps while the handler is busy.</summary>
    internal void OnTransportGone() => _ = CancelAbortedAsync();

    /// <summary>Closes a connection whose time is up, and gives up a client that does not answer pings. Called from time to time.</summary>
    internal void KeepAlive(long now)
    {
        if (Reason is not null)
        {
            return;
        }

        if (IsClosedByClient)
        {
            // The handler may still answer what came before the client's close frame; but a client that waits for ours does not wait for ever.
            if (EndingFor(now) > _services.Options.CloseTimeout)
            {
                _ = AnswerCloseAsync(); // never throws
            }

            return;
        }

        if (Overdue(now) is { } overdue)
        {
            Close(overdue);
            return;
        }

        if (_tap is null)
        {
            return;
        }

        if (_pings.HasFailed(_tap, _queue, _reader.WaitingSince, _services.Options, _services.Time, now))
        {
            Abort(new() { Kind = DisconnectKind.ConnectionLost, Description = $"The client did not answer a ping within {_services.Options.KeepAliveTimeout}." });
        }
    }

    /// <summary>Whether the connection has ended, but its handler had the close timeout after it and has not returned. Called from time to time.</summary>
    internal bool IsHandlerStuck(long now)
    {
        // The first close timeout is the client's, to answer the close.
        if (EndingFor(now) <= 2 * _services.Options.CloseTimeout)
        {
            return false;
        }

        TrySetReason(new() { Kind = DisconnectKind.ConnectionLost }); // if only the transport has told
        Cut();
        return true;
    }

    void IOutboundQueueOwner.OnQueueFull()
    {
        Close(Closed(DisconnectKind.SlowConsumer, WebSocketCloseStatus.PolicyViolation, "The client reads too slowly."));
        _services.Log.SlowConsumer(Id);
    }

    void IOutboundQueueOwner.OnWriteFailed(Exception exception)
    {
        TrySetReason(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });
        Cut();
    }

    void IOutboundQueueOwner.OnFramesDropped(int count) => _services.Metrics.FramesDropped(count, _services.Options.SlowConsumerPolicy);

    ValueTask IMessageReaderOwner.OnMessageAsync(WebSocketMessage message) =>
        Reason is null && _handler is { } handler ? CallAsync(handler, message) : ValueTask.CompletedTask;

    Task IMessageReaderOwner.OnCloseReceivedAsync() => AnswerCloseAsync();

    void IMessageReaderOwner.OnViolation(DisconnectReason reason) => Close(reason);

    private static bool IsTransportFailure(Exception exception) =>
        exception is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or ConnectionAbortedException or InvalidOperationException;

    /// <summary>Whether the platform could not inflate a message; only then its exception has no error code.</summary>
    private static bool IsUninflatable(Exception exception) =>
        exception is WebSocketException { WebSocketErrorCode: WebSocketError.Success, InnerException: null };

    private static DisconnectReason HandlerError(string description, Exception exception) =>
        Closed(DisconnectKind.HandlerError, WebSocketCloseStatus.InternalServerError, description, exception);

    private static DisconnectReason Closed(DisconnectKind kind, WebSocketCloseStatus status, string description, Exception? exception = null) =>
        new() { Kind = kind, CloseStatus = status, Description = description, Exception = exception };

    /// <summary>Why the connection has to end now, if it has to.</summary>
    private DisconnectReason? Overdue(long now)
    {
        var options = _services.Options;
        if (_reader.IsMessageLate(now))
        {
            return Closed(DisconnectKind.MessageTooSlow, WebSocketCloseStatus.PolicyViolation, $"A message may take {options.MessageTimeout}.");
        }

        if (_services.Time.GetElapsedTime(_openedAt, now) >= _maxAge)
        {
            return Closed(DisconnectKind.AgeReached, WebSocketCloseStatus.EndpointUnavailable, "The connection has been open for as long as it may.");
        }

        if (options.IdleTimeout != TimeSpan.Zero && IsIdle(now))
        {
            return Closed(DisconnectKind.Idle, WebSocketCloseStatus.PolicyViolation, $"No message was sent or received for {options.IdleTimeout}.");
        }

        return options.CloseOnAuthenticationExpiry && _services.Time.GetUtcNow().UtcTicks >= Volatile.Read(ref _authenticationExpiresAt)
            ? Closed(DisconnectKind.AuthenticationExpired, WebSocketCloseStatus.PolicyViolation, "The authentication has expired.")
            : null;
    }

    /// <summary>For how long it has been known that nothing more comes from the client; zero if something may.</summary>
    private TimeSpan EndingFor(long now)
    {
        if (Reason is null && !_aborted.IsCancellationRequested && !IsClosedByClient)
        {
            return TimeSpan.Zero;
        }

        if (_endingSince == 0)
        {
            _endingSince = now;
        }

        return _services.Time.GetElapsedTime(_endingSince, now);
    }

    private bool IsIdle(long now)
    {
        // A frame that is queued leaves only a mark, and the clock is read here, so that fan-outs need not read it.
        var since = _reader.IdleSince;
        if (_queue.TakeUsed() || since == 0)
        {
            _usedAt = now;
        }

        return _services.Time.GetElapsedTime(Math.Max(_usedAt, since), now) >= _services.Options.IdleTimeout;
    }

    private bool TrySetReason(DisconnectReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
        {
            return false;
        }

        // Only now: a join that is decided later sees the reason.
        foreach (var join in Joins.TakeAll())
        {
            join.End(RemoteCommandOutcome.NotFound);
        }

        return true;
    }

    private void Close(DisconnectReason reason, WebSocketCloseStatus status, string? description)
    {
        lock (_gate)
        {
            if (!TrySetReason(reason))
            {
                return;
            }

            _closing = CloseOutputAsync(status, description);
        }
    }

    private async ValueTask CallAsync(WebSocketHandler handler, WebSocketMessage? message)
    {
        try
        {
            if (message is { } received)
            {
                _services.Metrics.MessageReceived();
                await handler.OnMessageAsync(received, Aborted);
            }
            else
            {
                await handler.OnConnectedAsync(Aborted);
            }
        }
        catch (OperationCanceledException) when (_aborted.IsCancellationRequested)
        {
        }
        catch (ConnectionNotFoundException) when (Reason is not null)
        {
            // A connection that has begun to end joins no group any more, which is no fault of its handler.
        }
        catch (Exception exception)
        {
            _services.Metrics.HandlerFailed();
            _services.Log.HandlerFailed(Id, exception);
            Close(HandlerError("The server failed to handle a message.", exception));
        }
    }

    private Task AnswerCloseAsync()
    {
        _receiveEnded.TrySetResult();
        var status = _socket.CloseStatus is null or WebSocketCloseStatus.Empty ? WebSocketCloseStatus.NormalClosure : _socket.CloseStatus.Value;
        Close(new() { Kind = DisconnectKind.ClosedByClient, CloseStatus = _socket.CloseStatus, Description = _socket.CloseStatusDescription }, status, null);
        return _closing;
    }

    private async Task CloseOutputAsync(WebSocketCloseStatus status, string? description)
    {
        _queue.Complete();
        await Task.Yield(); // the caller holds a lock, and may be anyone's send
        using var timeout = new CancellationTokenSource(_services.Options.CloseTimeout, _services.Time);
        using var cut = timeout.Token.UnsafeRegister(static state => ((Connection)state!).Cut(), this); // state is this
        try
        {
            if (_tap is null)
            {
                await _queue.DrainAsync().WaitAsync(timeout.Token);
            }

            await _socket.CloseOutputAsync(status, description, CancellationToken.None);
            await _receiveEnded.Task.WaitAsync(timeout.Token);
        }
        catch (Exception exception)
        {
            if (!IsTransportFailure(exception))
            {
                _services.Log.CloseFailed(Id, exception);
            }

            if (_queue.PlatformCloseStatus is null || timeout.IsCancellationRequested)
            {
                Cut(); // the peer is gone or does not answer; the reason already says why it closes
            }
        }
    }

    /// <summary>Reads and drops what a client that broke the protocol still sends: closed with data unread, TCP would reset and take our close frame with it.</summary>
    private async Task LingerAsync()
    {
        if (_tap is null)
        {
            return;
        }

        using var timeout = new CancellationTokenSource(_services.Options.CloseTimeout, _services.Time);
        var buffer = ArrayPool<byte>.Shared.Rent(LingerBytes);
        try
        {
            while (await _tap.Transport.ReadAsync(buffer, timeout.Token) > 0)
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

    private void Cut()
    {
        _ = CancelAbortedAsync(); // handlers may register anything on the token, so its callbacks run elsewhere
        lock (_gate)
        {
            // Once the request has ended the server uses its context again, on HTTP/2 for somebody else.
            if (!_disposed)
            {
                _context.Abort();
                _socket.Abort();
            }
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
            _services.Metrics.HandlerFailed();
            _services.Log.AbortedFailed(Id, exception);
        }
    }
}

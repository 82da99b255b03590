using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>One accepted WebSocket: calls its handler with what comes, queues what goes, and closes once.</summary>
internal sealed partial class Connection : WebSocketConnection, IOutboundQueueOwner, IMessageReaderOwner, ICloseHandshakeOwner, IRecipient
{
    private readonly WebSocket _socket;
    private readonly OutboundQueue _queue;
    private readonly MessageReader _reader;
    private readonly CloseHandshake _close;
    private readonly HandshakeRequest _request;
    private readonly ConnectionServices _services;
    private readonly TapStream? _tap;
    private readonly WebSocketProtocol? _protocol;
    private ClaimsPrincipal? _user; // made when somebody asks, where the request has none
    private IDictionary<object, object?>? _items;
    private WebSocketHandler? _handler;
    private OwnGroups _groups;
    private ConnectionLimits _limits;
    private PingState _pings;
    private readonly long _connectedAt; // in ticks of UTC
    private long _endingSince;

    /// <param name="context">The request of the handshake.</param>
    /// <param name="socket">The platform's WebSocket.</param>
    /// <param name="tap">What the platform writes through, if there is a transport to tap.</param>
    /// <param name="hub">The hub.</param>
    /// <param name="userId">The user, if known.</param>
    /// <param name="services">What all connections share.</param>
    /// <param name="takesDeflated">Whether the client agreed to frames that are compressed for all. Without a tap it gets none.</param>
    /// <param name="session">The session that it goes on with, if it can be resumed.</param>
    /// <param name="format">The subprotocol in which it is written to, if the hub knows it. A session has it, too.</param>
    /// <param name="id">Its id, if somebody has been told of it already. A session has its own.</param>
    internal Connection(
        HttpContext context,
        WebSocket socket,
        TapStream? tap,
        string hub,
        string? userId,
        ConnectionServices services,
        bool takesDeflated = false,
        ResumableSession? session = null,
        ProtocolFormat? format = null,
        string? id = null)
    {
        Session = session;
        _protocol = format?.Protocol;
        _socket = socket;
        _services = services;
        _tap = tap;
        Id = session?.Id ?? id ?? ConnectionId.Create(services.Node.Info.NodeId);
        Hub = hub;
        UserId = userId;
        _user = ClaimsUserIdProvider.Principal(context);

        _request = new(context);
        RemoteIpAddress = context.Features.Get<IHttpConnectionFeature>()?.RemoteIpAddress;
        _connectedAt = services.Time.GetUtcNow().UtcTicks;
        _limits = new(services.Options, services.Time);
        AuthenticationExpiresAt = context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc;
        _queue = new(tap is null ? new WebSocketFrameWriter(socket) : tap.Output, services.Options, this, takesDeflated && tap is not null, services.MaxQueuedBytes, (IMessagePrefix?)session?.Numbers ?? format);
        _reader = new(socket, tap is not null, services, this);
        _close = new(_request, socket, tap, _queue, services, this);
        if (services.Options.AnswerMatcher is { } matcher)
        {
            _questions = new(matcher, services.Options.MaxOpenQuestionsPerConnection, OnMatcherFailed);
            _inbound = new(_questions, services.Options.ReadAheadMessages, services.Options.ReadAheadBytes, HandleAsync, OnAnswered);
        }

        if (tap is not null)
        {
            tap.NotesTail = session is not null; // which ends if its client says that it is done
            tap.Queue = _queue;
        }
    }

    public override string Id { get; }

    public override string NodeId => _services.Node.Info.NodeId;

    public override string Hub { get; }

    public override string? UserId { get; }

    public override ClaimsPrincipal User => LazyInitializer.EnsureInitialized(ref _user, static () => new(new ClaimsIdentity()));

    public override IHeaderDictionary Headers => _request.Values.Headers;

    public override IQueryCollection Query => _request.Values.Query;

    public override IReadOnlyDictionary<string, object?> RouteValues => _request.Values.RouteValues;

    public override IPAddress? RemoteIpAddress { get; }

    public override string? SubProtocol => _socket.SubProtocol;

    public override DateTimeOffset ConnectedAt => new(_connectedAt, TimeSpan.Zero);

    public override DateTimeOffset? AuthenticationExpiresAt
    {
        get => _limits.AuthenticationExpiresAt;
        set => _limits.AuthenticationExpiresAt = value;
    }

    public override IDictionary<object, object?> Items => LazyInitializer.EnsureInitialized(ref _items, static () => new Dictionary<object, object?>());

    public override JsonSerializerOptions JsonOptions => _services.Json;

    public override CancellationToken Aborted => _close.Aborted;

    /// <summary>The session that it goes on with, if it can be resumed.</summary>
    internal ResumableSession? Session { get; }

    /// <summary>The hub's connections, once it is one of them.</summary>
    internal HubConnections? Registry { get; set; }

    string IRecipient.ConnectionId => Id;

    int IRecipient.GroupCount
    {
        get
        {
            lock (Joins)
            {
                return Groups.Count;
            }
        }
    }

    /// <summary>Where it stands among all connections of the hub; guarded by a lock on its joins, as all that the hub keeps here.</summary>
    internal Membership? InHub { get; set; }

    /// <summary>Where it stands among those of its user.</summary>
    internal Membership? OfUser { get; set; }

    /// <summary>The groups.</summary>
    internal ref OwnGroups Groups => ref _groups;

    /// <summary>Whether the hub has let go of it.</summary>
    internal bool Removed { get; set; }

    /// <summary>The groups it is on its way into, on which whoever changes its memberships holds a lock.</summary>
    internal PendingJoins Joins { get; } = new();

    internal OutboundQueue Queue => _queue;

    /// <summary>Whether the client's close frame has come, at least its beginning, while the handler is busy.</summary>
    internal bool IsClosedByClient => _reader.WaitingSince == 0 && _socket.State == WebSocketState.CloseReceived;

    /// <summary>Why it ended; set once, when it begins to end.</summary>
    internal DisconnectReason? Reason => _close.Reason;

    public override ValueTask SendAsync(WebSocketMessage message, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Enqueue(message);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask SendWhenRoomAsync(WebSocketMessage message, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var frame = SharedFrame.Encode(message, _queue.TakesDeflated ? _services.Deflater : null);
        while (!_queue.TryEnqueueWithRoom(frame, out var room))
        {
            if (room is null)
            {
                throw new OperationCanceledException("The connection ends, so nothing more can be sent to its client.", Aborted);
            }

            await room.WaitAsync(cancellationToken);
        }

        _services.Metrics.FramesSent(1);
        _queue.Start();
    }

    public override IReadOnlyDictionary<string, string> Properties
    {
        get => Session?.Properties ?? base.Properties; // others may set those of a session while no connection is there
        private protected set => base.Properties = value;
    }

    public override ValueTask SetPropertiesAsync(IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken = default)
    {
        var copy = SessionProperties.Copy(properties);
        cancellationToken.ThrowIfCancellationRequested();
        Registry?.SetProperties(this, copy); // a handler gets the connection when the hub has it
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes properties that have been copied: before the hub knows the connection, afterwards under a lock on its joins.</summary>
    internal void UseProperties(IReadOnlyDictionary<string, string> properties) => Properties = properties;

    public override ValueTask CloseAsync(
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default)
    {
        CloseCodes.Check(closeStatus, reason);
        cancellationToken.ThrowIfCancellationRequested();
        Disconnect(new() { Kind = DisconnectKind.ClosedByServer, CloseStatus = closeStatus, Description = reason });
        return ValueTask.CompletedTask;
    }

    public override void Abort()
    {
        EndsSession = true;
        Abort(new() { Kind = DisconnectKind.ClosedByServer });
    }

    /// <summary>Closes the connection as the app wants it, and with it its session.</summary>
    internal void Disconnect(DisconnectReason reason)
    {
        EndsSession = true;
        Close(reason);
    }

    /// <summary>Cuts the connection at once, without a close frame.</summary>
    internal void Abort(DisconnectReason reason) => _close.Abort(reason);

    internal override bool IsOfEnding(Exception exception) => exception switch
    {
        OperationCanceledException => Aborted.IsCancellationRequested || Reason is not null, // nobody is left to stream to
        ConnectionNotFoundException => Reason is not null, // one that has begun to end joins no group any more
        AskFailedException failed => failed.Failure is AskFailure.ClientGone or AskFailure.NotFound && _questions is { HasEnded: true }, // nor does its client answer
        StaleFenceException => Session is { IsGone: true } or { IsDoubtful: true } or { Lease: { IsHeld: false } }, // somebody else has its session, to whom the client sends again what is not answered here
        _ => false,
    };

    internal override void ReportMethodFailure(string messageType, Exception exception)
    {
        _services.Metrics.HandlerFailed();
        _services.Log.MethodFailed(Id, messageType, exception);
    }

    /// <summary>Begins the close handshake once; whoever comes first says why.</summary>
    internal void Close(DisconnectReason reason) => _close.Close(reason);

    /// <summary>Writes what was sent to it since it was made, now that its tap is open.</summary>
    internal void Open()
    {
        if (_tap?.Output is { } output)
        {
            _queue.Open(output, _tap.Direct);
        }
    }

    /// <summary>Ends a connection whose handshake could not be answered.</summary>
    internal void Abandon(Exception exception)
    {
        _close.TryBegin(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });
        _close.OnReceiveEnded();
        _queue.Abandon(exception);
    }

    /// <summary>Calls its handler with what is read, until nothing more comes. How that came about is for <see cref="EndReadingAsync"/>.</summary>
    /// <param name="handler">The handler.</param>
    /// <param name="isOwned">Whether it is ours to dispose.</param>
    internal Task ReadAsync(WebSocketHandler handler, bool isOwned)
    {
        (_handler, OwnsHandler) = (handler, isOwned);
        var connected = CallAsync(handler, received: null);
        return _reader.RunAsync(_inbound is null ? connected : _inbound.BeginAsync(connected), Aborted);
    }

    /// <summary>Waits until the handler has been given all that was read, and notes why nothing more comes.</summary>
    /// <param name="reading">What came of <see cref="ReadAsync"/>.</param>
    internal async Task EndReadingAsync(Task reading)
    {
        try
        {
            await DrainInboundAsync();
            await reading;
        }
        catch (Exception exception) when (CloseHandshake.IsTransportFailure(exception))
        {
            await _close.OnReceiveFailedAsync(exception);
        }
        finally
        {
            _close.OnReceiveEnded();
        }
    }

    /// <summary>Closes a connection whose handler could not be made.</summary>
    internal Task FailAsync(Exception exception)
    {
        _services.Metrics.HandlerFailed();
        Close(HandlerError(WebSocketCloseStatus.InternalServerError, "The server failed to handle the connection.", exception));
        _close.OnReceiveEnded();
        return _close.FinishAsync();
    }

    /// <summary>The handler, once it has been told that it has a connection.</summary>
    internal WebSocketHandler? Handler => _handler;

    /// <summary>The request of its handshake.</summary>
    internal HandshakeRequest Request => _request;

    /// <summary>Whether the handler is ours to dispose.</summary>
    internal bool OwnsHandler { get; private set; }

    /// <summary>Whether the metrics count it as open.</summary>
    internal bool IsCounted { get; set; }

    /// <summary>For how long it has been open.</summary>
    internal TimeSpan Age => _limits.Age(_services.Time);

    /// <summary>Ends what is still going on. The handler has not been told yet.</summary>
    internal Task EndAsync() => _close.FinishAsync();

    /// <summary>Lets go of the socket and of all frames that wait.</summary>
    internal async Task DisposeAsync()
    {
        var written = _queue.DisposeAsync();
        if (!written.IsCompleted)
        {
            _close.Cut(); // a write that the client does not take ends only so
            await written;
        }

        _socket.Dispose();
        _request.Release();
    }

    /// <summary>The transport noticed that the client has gone, perhaps while the handler is busy.</summary>
    internal void OnTransportGone() => _close.OnTransportGone();

    /// <summary>Closes a connection whose time is up, and gives up a client that does not answer pings. Called from time to time.</summary>
    internal void KeepAlive(long now)
    {
        _queue.Trim();
        if (Reason is not null)
        {
            return;
        }

        if (_reader.WaitingSince == 0)
        {
            _request.Watch(this); // a handler that holds on to its thread has not come to where its reader does so
        }

        if (IsClosedByClient || Aborted.IsCancellationRequested)
        {
            _questions?.End(); // also while so much waits for the handler that nothing more is read
        }

        if (IsClosedByClient)
        {
            // The handler may still answer what came before the client's close frame; but a client that waits for ours does not wait for ever.
            if (EndingFor(now) > _services.Options.CloseTimeout)
            {
                _ = _close.AnswerAsync(); // never throws

                // However late this look comes: the answer must not be cut off before the client can have read it.
                _endingSince = now - (long)(_services.Options.CloseTimeout.TotalSeconds * _services.Time.TimestampFrequency);
            }

            return;
        }

        if (_limits.Exceeded(_reader, _queue, _services.Options, _services.Time, now) is { } exceeded)
        {
            Close(exceeded);
            return;
        }

        if (_tap is not null && _pings.HasFailed(_tap, _queue, _reader.WaitingSince, _services.Options, _services.Time, now))
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

        Abort(new() { Kind = DisconnectKind.ConnectionLost }); // the reason if only the transport has told
        return true;
    }

    void IOutboundQueueOwner.OnQueueFull()
    {
        Close(new() { Kind = DisconnectKind.SlowConsumer, CloseStatus = WebSocketCloseStatus.PolicyViolation, Description = "The client reads too slowly." });
        _services.Log.SlowConsumer(Id);
    }

    void IOutboundQueueOwner.OnWriteFailed(Exception exception) => Abort(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });

    void IOutboundQueueOwner.OnFramesDropped(int count, FrameDrop cause) => _services.Metrics.FramesDropped(count, cause, _services.Options.SlowConsumerPolicy);

    bool IMessageReaderOwner.IsHandling => _inbound is { IsHandling: true };

    ValueTask IMessageReaderOwner.OnMessageAsync(ReceivedMessage message) =>
        Session is not null ? TakeAsync(message, Session) : TakeAsync(message);

    async Task IMessageReaderOwner.OnCloseReceivedAsync()
    {
        await DrainInboundAsync();
        await _close.AnswerAsync();
    }

    void IMessageReaderOwner.OnPaused() => _request.Watch(this);

    void IMessageReaderOwner.OnViolation(DisconnectReason reason) => Close(reason);

    bool IRecipient.IsIn(string group)
    {
        lock (Joins)
        {
            return Groups.Contains(group);
        }
    }

    void ICloseHandshakeOwner.OnEnding()
    {
        // Only now: a join that is decided later sees the reason.
        foreach (var join in Joins.TakeAll())
        {
            join.End(RemoteCommandOutcome.NotFound);
        }

        _questions?.End();
        if (Reason is { Kind: DisconnectKind.ProtocolError or DisconnectKind.MessageTooBig } && Session is not null && ResumableProtocol.EndsOnViolation)
        {
            EndsSession = true;
        }

        if (Reason is { Kind: not (DisconnectKind.ClosedByClient or DisconnectKind.ConnectionLost) } reason && _protocol is { } protocol)
        {
            try
            {
                if (protocol.End(reason) is { } last)
                {
                    EnqueueOfProtocol(last); // what closes writes it
                }
            }
            catch (Exception exception)
            {
                _services.Log.ProtocolFailed(protocol.Name, exception); // the connection has to be closed all the same
            }
        }
    }

    /// <summary>For how long it has been known that nothing more comes from the client; zero if something may.</summary>
    private TimeSpan EndingFor(long now)
    {
        if (Reason is null && !Aborted.IsCancellationRequested && !IsClosedByClient)
        {
            return TimeSpan.Zero;
        }

        if (_endingSince == 0)
        {
            _endingSince = now;
        }

        return _services.Time.GetElapsedTime(_endingSince, now);
    }

    /// <returns>Whether it was queued. If not, the connection has begun to end, or the queue is full.</returns>
    private bool Enqueue(WebSocketMessage message)
    {
        using var frame = SharedFrame.Encode(message, _queue.TakesDeflated ? _services.Deflater : null);
        var isQueued = _queue.TryEnqueue(frame);
        if (isQueued)
        {
            _services.Metrics.FramesSent(1);
        }

        _queue.Start();
        return isQueued;
    }
}

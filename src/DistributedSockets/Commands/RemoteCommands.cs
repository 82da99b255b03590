using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Has commands about a connection carried out, here or by another node, and waits for its answer.</summary>
internal sealed class RemoteCommands
{
    /// <summary>How long a node that the session store does not list may still take to answer.</summary>
    private static readonly TimeSpan s_goneGrace = TimeSpan.FromMilliseconds(500);

    private readonly LocalNode _node;
    private readonly BackplanePublisher _publisher;
    private readonly ChannelSubscriptions _subscriptions;
    private readonly CommandExecutor _executor;
    private readonly ResumableSessions _sessions;
    private readonly SessionJoins _joins;
    private readonly EnvelopeWriter _writer;
    private readonly LiveNodes _nodes;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly bool _isZeroCertain;
    private readonly CommandQueues _queues;
    private readonly ConcurrentDictionary<Guid, SentCommand> _waiting = new();
    private readonly ConcurrentDictionary<HubConnections, bool> _answerable = new();
    private volatile bool _counts;

    public RemoteCommands(
        LocalNode node,
        IBackplane backplane,
        BackplanePublisher publisher,
        ChannelSubscriptions subscriptions,
        CommandExecutor executor,
        ResumableSessions sessions,
        SessionJoins joins,
        EnvelopeWriter writer,
        LiveNodes nodes,
        IOptions<DistributedWebSocketsOptions> options,
        TimeProvider time)
    {
        _node = node;
        _publisher = publisher;
        _subscriptions = subscriptions;
        _executor = executor;
        _sessions = sessions;
        _joins = joins;
        _writer = writer;
        _nodes = nodes;
        _timeout = options.Value.RemoteCommandTimeout;
        _time = time;
        _isZeroCertain = backplane is InMemoryBackplane; // nothing can cut off a node of the same process
        _queues = new(IsClear, ClearAsync, command => PublishAsync(command, command.CancellationToken));
    }

    /// <summary>Has a command about one connection done, wherever the connection lives.</summary>
    /// <exception cref="ConnectionNotFoundException">There is no such connection.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The node did not answer.</exception>
    /// <exception cref="BackplaneUnavailableException">The backplane is away, or the node's own is.</exception>
    /// <exception cref="MessageLogUnavailableException">The history of the group could not be read.</exception>
    /// <exception cref="InvalidOperationException">The connection is in too many groups.</exception>
    internal async ValueTask InvokeAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        var outcome = SessionId.Is(command.Subject) ? await InvokeForSessionAsync(hub, command, cancellationToken)
            : ConnectionId.NodeOf(command.Subject) is [_, ..] nodeId ? await InvokeAtAsync(hub, nodeId.ToString(), command, cancellationToken)
            : RemoteCommandOutcome.NotFound;

        switch (outcome)
        {
            case RemoteCommandOutcome.NotFound:
                throw new ConnectionNotFoundException($"Hub '{hub.Name}' has no connection '{command.Subject}'. It may have ended.");
            case RemoteCommandOutcome.Refused:
                throw new BackplaneRefusedException(
                    $"The transport of the backplane refuses the channel of group '{command.Group}' to the node of connection '{command.Subject}', so the " +
                    "connection was not added to the group. That node's health check and log event 172 say why.");
            case RemoteCommandOutcome.NotUnderstood:
                throw new NotSupportedException(
                    $"The node of connection '{command.Subject}' runs an older version, which does not know this command. Nothing was done. Bring all nodes to one version.");
            case RemoteCommandOutcome.NoHistory:
                throw new MessageLogUnavailableException(
                    $"The node of connection '{command.Subject}' cannot read the log of hub '{hub.Name}', so the connection was not added to group '{command.Group}'. " +
                    "That node's health check says why; or it has no log: set HubOptions.EnableLog on all nodes.");
            case RemoteCommandOutcome.TooManyGroups:
                throw new InvalidOperationException(
                    $"Connection '{command.Subject}' is in as many groups as a connection may be in, so it was not added to '{command.Group}'. " +
                    "Remove it from others, or raise HubOptions.MaxGroupsPerConnection at its node. " +
                    $"The names of a session that can be resumed may have {SessionMemberships.MaxNameBytes:N0} bytes in all: if it is these that have no room, shorten them.");
        }
    }

    private async ValueTask<RemoteCommandOutcome> InvokeAtAsync(HubConnections hub, string nodeId, RemoteCommand command, CancellationToken cancellationToken) =>
        nodeId == _node.Info.NodeId
            ? await _executor.ExecuteAsync(hub, command, cancellationToken)
            : (await RequestAsync(new(hub, nodeId, command, NewRequestId(), cancellationToken), _timeout)).Outcome;

    /// <summary>Has all sessions of a user that can be resumed join or leave a group. Other connections hear of it by the command.</summary>
    /// <exception cref="MessageLogUnavailableException">The log did not take it, or did not say so.</exception>
    internal async ValueTask<RemoteCommandOutcome> ChangeUserAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken) =>
        hub.Options.EnableResume && hub.Log is not null && command.Kind is RemoteCommandKind.AddUserToGroup or RemoteCommandKind.RemoveUserFromGroup
            ? await _joins.ChangeUserAsync(hub, ChangeOf(hub, command), cancellationToken)
            : RemoteCommandOutcome.Done;

    /// <summary>Has the sessions that a command disconnects end, wherever they are, also where their clients are away or their node is lost. Does nothing for other commands.</summary>
    /// <exception cref="MessageLogUnavailableException">The log did not take it, or did not say so.</exception>
    internal ValueTask EndSessionsAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        WebSocketTargetKind? kind = command.Kind switch
        {
            RemoteCommandKind.DisconnectUser => WebSocketTargetKind.Users,
            RemoteCommandKind.DisconnectGroup => WebSocketTargetKind.Groups,
            RemoteCommandKind.DisconnectAll => WebSocketTargetKind.All,
            _ => null,
        };
        return kind is { } meant && hub.Options.EnableResume && hub.Log is not null
            ? _joins.EndAsync(hub, new(meant, command.Subject, command.CloseStatus, command.Reason), cancellationToken)
            : ValueTask.CompletedTask;
    }

    private static SessionGroupChange ChangeOf(HubConnections hub, in RemoteCommand command) => command.Kind switch
    {
        RemoteCommandKind.AddToGroup or RemoteCommandKind.AddToGroupWithLast => new(WebSocketTargetKind.Connections, command.Subject, command.Group, IsJoin: true, hub.Options.MaxGroupsPerConnection),
        RemoteCommandKind.RemoveFromGroup => new(WebSocketTargetKind.Connections, command.Subject, command.Group, IsJoin: false),
        RemoteCommandKind.RemoveFromAllGroups => new(WebSocketTargetKind.Connections, command.Subject, Group: null, IsJoin: false),
        RemoteCommandKind.AddUserToGroup => new(WebSocketTargetKind.Users, command.Subject, command.Group, IsJoin: true, hub.Options.MaxGroupsPerConnection),
        _ => new(WebSocketTargetKind.Users, command.Subject, command.Group, IsJoin: false),
    };

    /// <summary>Joins and leaves of a session go through the log, whoever asks for them; all else goes to the owner, twice if the session moves meanwhile.</summary>
    private async ValueTask<RemoteCommandOutcome> InvokeForSessionAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        if (hub.Log is null || await _sessions.FindOwnerAsync(hub, command.Subject, cancellationToken) is not { } owner)
        {
            return RemoteCommandOutcome.NotFound;
        }

        if (command.Kind is RemoteCommandKind.AddToGroup or RemoteCommandKind.RemoveFromGroup or RemoteCommandKind.RemoveFromAllGroups)
        {
            return await _joins.ChangeAsync(hub, ChangeOf(hub, command), owner.Record, landing: null, cancellationToken);
        }

        var outcome = await InvokeAtAsync(hub, owner.NodeId, command, cancellationToken);
        if (outcome != RemoteCommandOutcome.NotFound || await _sessions.FindOwnerAsync(hub, command.Subject, cancellationToken) is not { } other)
        {
            return outcome;
        }

        return other.NodeId != owner.NodeId ? await InvokeAtAsync(hub, other.NodeId, command, cancellationToken)
            : command.Kind == RemoteCommandKind.AddToGroupWithLast ? await _joins.ChangeAsync(hub, ChangeOf(hub, command), other.Record, landing: null, cancellationToken) // away: nobody to send the history to
            : outcome;
    }

    /// <summary>Reads the properties of a connection's session, wherever it is; null if there is no such connection.</summary>
    /// <exception cref="RemoteCommandTimeoutException">The node did not answer.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away.</exception>
    /// <exception cref="MessageLogUnavailableException">The record of a session cannot be reached.</exception>
    internal async ValueTask<IReadOnlyDictionary<string, string>?> FindPropertiesAsync(HubConnections hub, string connectionId, CancellationToken cancellationToken)
    {
        var command = new RemoteCommand(RemoteCommandKind.ReadProperties, connectionId);
        if (SessionId.Is(connectionId))
        {
            return hub.Log is null ? null
                : hub.Sessions.Find(connectionId) is { } session ? session.Properties
                : (await _sessions.FindOwnerAsync(hub, connectionId, cancellationToken))?.Record?.Properties; // also while its owner is dead
        }

        var answer = await OfPropertiesAtAsync(hub, ConnectionId.NodeOf(connectionId).ToString(), command, cancellationToken);
        return answer is { Outcome: RemoteCommandOutcome.Answered, Message: { } message } && PropertyChange.TryReadProperties(message, out var properties) ? properties : null;
    }

    /// <summary>Sets the properties of a connection's session, wherever it is.</summary>
    /// <returns><see cref="RemoteCommandOutcome.Done"/>, <see cref="RemoteCommandOutcome.Changed"/> or <see cref="RemoteCommandOutcome.NotFound"/>, or why it was not done.</returns>
    /// <exception cref="RemoteCommandTimeoutException">The node did not answer.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away.</exception>
    /// <exception cref="MessageLogUnavailableException">The record of a session cannot be reached.</exception>
    internal async ValueTask<RemoteCommandOutcome> SetPropertiesAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        if (!SessionId.Is(command.Subject))
        {
            return (await OfPropertiesAtAsync(hub, ConnectionId.NodeOf(command.Subject).ToString(), command, cancellationToken)).Outcome;
        }

        var outcome = RemoteCommandOutcome.NotFound;
        for (var tries = 0; tries < 2 && outcome == RemoteCommandOutcome.NotFound; tries++) // it may move meanwhile
        {
            var owner = hub.Log is null ? null
                : hub.Sessions.Find(command.Subject) is not null ? _node.Info.NodeId
                : (await _sessions.FindOwnerAsync(hub, command.Subject, cancellationToken))?.NodeId;
            if (owner is null)
            {
                break;
            }

            outcome = (await OfPropertiesAtAsync(hub, owner, command, cancellationToken)).Outcome;
        }

        return outcome;
    }

    private async ValueTask<CommandAnswer> OfPropertiesAtAsync(HubConnections hub, string nodeId, RemoteCommand command, CancellationToken cancellationToken) =>
        nodeId.Length == 0 ? new(RemoteCommandOutcome.NotFound)
        : nodeId == _node.Info.NodeId ? await _executor.OfPropertiesAsync(hub, command)
        : await RequestAsync(new(hub, nodeId, command, NewRequestId(), cancellationToken), _timeout);

    /// <summary>Has a client asked, wherever its connection lives, and waits for its answer.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="requestId">Of <see cref="NewRequestId"/>; the client's answer repeats it as <see cref="QuestionId"/>.</param>
    /// <param name="question">The question.</param>
    /// <param name="cancellationToken">Ends the wait, and takes the question back. It must be cancelled in time, as nothing else ends the wait for another node.</param>
    /// <exception cref="ArgumentException">The question is no valid UTF-8, or too large for an envelope.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away.</exception>
    /// <exception cref="MessageLogUnavailableException">The record of a session, which says where it is, cannot be reached.</exception>
    internal async ValueTask<CommandAnswer> AskClientAsync(HubConnections hub, Guid requestId, RemoteCommand question, CancellationToken cancellationToken)
    {
        if (!SessionId.Is(question.Subject))
        {
            return ConnectionId.NodeOf(question.Subject) is [_, ..] nodeId
                ? await AskAtAsync(hub, nodeId.ToString(), requestId, question, cancellationToken)
                : new(RemoteCommandOutcome.NotFound);
        }

        if (hub.Log is null || await _sessions.FindOwnerAsync(hub, question.Subject, cancellationToken) is not { } owner)
        {
            return new(RemoteCommandOutcome.NotFound);
        }

        var answer = await AskAtAsync(hub, owner.NodeId, requestId, question, cancellationToken);
        return answer.Outcome == RemoteCommandOutcome.NotFound
            && await _sessions.FindOwnerAsync(hub, question.Subject, cancellationToken) is { } other && other.NodeId != owner.NodeId
            ? await AskAtAsync(hub, other.NodeId, requestId, question, cancellationToken)
            : answer;
    }

    private async ValueTask<CommandAnswer> AskAtAsync(HubConnections hub, string nodeId, Guid requestId, RemoteCommand question, CancellationToken cancellationToken) =>
        nodeId == _node.Info.NodeId
            ? await _executor.AskAsync(hub, QuestionId.Of(requestId), question, cancellationToken)
            : await RequestAsync(new(hub, nodeId, question, requestId, cancellationToken), Timeout.InfiniteTimeSpan);

    /// <summary>Has the node of a connection get a message for it, and waits for what it says of that.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="nodeId">The node.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="requestId">Of <see cref="NewRequestId"/>; the envelope has it as <see cref="EnvelopeExtension.Confirmation"/>.</param>
    /// <param name="envelope">The message in its envelope, which is copied: it may be published when nobody waits any more.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RemoteCommandTimeoutException">The node did not answer.</exception>
    /// <exception cref="BackplaneUnavailableException">The backplane is away, or the node is cut off from it.</exception>
    internal async ValueTask<RemoteCommandOutcome> ConfirmAsync(
        HubConnections hub, string nodeId, string connectionId, Guid requestId, ReadOnlyMemory<byte> envelope, CancellationToken cancellationToken)
    {
        var message = new SentCommand(hub, nodeId, new(RemoteCommandKind.Find, connectionId), requestId, cancellationToken) { Envelope = envelope.ToArray() };
        return (await RequestAsync(message, _timeout)).Outcome;
    }

    /// <inheritdoc cref="ResumableSessions.FindOwnerAsync"/>
    internal ValueTask<SessionOwner?> FindOwnerAsync(HubConnections hub, string sessionId, CancellationToken cancellationToken) =>
        hub.Log is null ? new((SessionOwner?)null) : _sessions.FindOwnerAsync(hub, sessionId, cancellationToken);

    /// <summary>Has a node let go of a session, and waits until it has.</summary>
    /// <exception cref="RemoteCommandTimeoutException">The node did not answer.</exception>
    /// <exception cref="BackplaneUnavailableException">The backplane is away, or the node is cut off from it.</exception>
    internal Task ReleaseSessionAsync(HubConnections hub, string nodeId, string sessionId, CancellationToken cancellationToken) =>
        RequestAsync(new(hub, nodeId, new(RemoteCommandKind.ReleaseSession, sessionId), NewRequestId(), cancellationToken), _timeout);

    /// <summary>Tells a node that a session has been taken from it. No more than a courtesy: it would notice by itself, but later.</summary>
    internal void TellTaken(HubConnections hub, string nodeId, string sessionId) =>
        _queues.SendAsync(new(hub, nodeId, new(RemoteCommandKind.SessionTaken, sessionId), Guid.Empty, CancellationToken.None)).AsTask().Observe();

    /// <summary>Takes an answer of another node; one that was not asked, or not for this, is passed over.</summary>
    internal void OnReply(HubConnections hub, ReadOnlySpan<byte> origin, Guid requestId, in CommandAnswer answer)
    {
        if (_waiting.TryGetValue(requestId, out var asked) && ReferenceEquals(asked.Hub, hub) && Ascii.Equals(origin, asked.NodeId))
        {
            asked.Answer.TrySetResult(answer);
        }
    }

    /// <summary>An id that nobody can guess: whoever can publish could else answer in another node's name, and a client another's question.</summary>
    internal static Guid NewRequestId()
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        return new(random);
    }

    private async Task<CommandAnswer> RequestAsync(SentCommand command, TimeSpan timeout)
    {
        _waiting[command.RequestId] = command;
        try
        {
            if (await _queues.SendAsync(command) != 0)
            {
                return await command.Answer.Task.WaitAsync(timeout, _time, command.CancellationToken);
            }
        }
        catch (TimeoutException exception)
        {
            Withdraw(command);
            throw new RemoteCommandTimeoutException(
                $"The node of connection '{command.Command.Subject}' did not answer within {timeout}. The command may have been carried out.",
                exception);
        }
        catch (Exception)
        {
            Withdraw(command);
            throw;
        }
        finally
        {
            _waiting.TryRemove(command.RequestId, out _);
        }

        return new(await OnNobodyAsync(command));
    }

    /// <summary>Has the node take back what nobody here waits for any more, unless it has been done already.</summary>
    private void Withdraw(SentCommand command)
    {
        if (command.TryGiveUp() || !command.MayWait)
        {
            return;
        }

        var withdrawal = new RemoteCommand(RemoteCommandKind.Withdraw, command.Command.Subject);
        _queues.SendAsync(new(command.Hub, command.NodeId, withdrawal, command.RequestId, CancellationToken.None)).AsTask().Observe(); // no more than a courtesy
    }

    /// <summary>Nobody took a command: what came of it depends on whether its node lives.</summary>
    private async Task<RemoteCommandOutcome> OnNobodyAsync(SentCommand command)
    {
        // A node listens where it has had connections, so one that lives and does not listen is cut off.
        var presence = _isZeroCertain ? NodePresence.Gone : await _nodes.FindAsync(command.NodeId, command.CancellationToken);
        return presence switch
        {
            NodePresence.Gone => RemoteCommandOutcome.NotFound,
            NodePresence.Lives => throw new BackplaneUnavailableException(
                $"The node of connection '{command.Command.Subject}' lives, as the session store says, but does not listen on the backplane: " +
                "it is cut off, or has just ended. The command was not carried out. Try again later."),
            _ => throw new BackplaneUnavailableException(
                $"No node on the backplane took the command for connection '{command.Command.Subject}', and the session store cannot tell " +
                "whether its node lives. The command was not carried out. Try again later."),
        };
    }

    private bool IsClear(HubConnections hub, string nodeId) => _answerable.ContainsKey(hub) && (_counts || _nodes.IsKnownToLive(nodeId));

    /// <summary>Sees to it that an answer can come, and that a command whose node is said to be gone is not carried out in spite of it.</summary>
    private async Task<bool> ClearAsync(SentCommand command)
    {
        if (!_answerable.ContainsKey(command.Hub))
        {
            await _subscriptions.AcquireAsync(command.Hub.OwnChannel, keep: false); // for as long as the process lives
            if (!_answerable.TryAdd(command.Hub, true))
            {
                _subscriptions.Release(command.Hub.OwnChannel);
            }
        }

        if (IsClear(command.Hub, command.NodeId))
        {
            return true;
        }

        // A question that changes nothing. Where receivers are counted the command itself will tell; elsewhere a node that the store does
        // not list is gone, or has only lost its lease, and then it answers.
        var question = new SentCommand(
            command.Hub, command.NodeId, new(RemoteCommandKind.Find, command.Command.Subject), NewRequestId(), CancellationToken.None);
        Func<CancellationToken, ValueTask<long?>> publish = token => PublishAsync(question, token);
        _waiting[question.RequestId] = question;
        try
        {
            if (await publish.WithinAsync("The backplane", _timeout, _time, CancellationToken.None) is not null)
            {
                return true;
            }

            // Whichever comes first: an answer says that the node lives, however long the store takes.
            var finding = _nodes.FindAsync(command.NodeId, CancellationToken.None).AsTask();
            finding.Observe();
            if (await Task.WhenAny(finding, question.Answer.Task) != finding || await finding != NodePresence.Gone)
            {
                return true;
            }

            var grace = s_goneGrace < _timeout ? s_goneGrace : _timeout;
            await ((Task)question.Answer.Task).WaitAsync(grace, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return question.Answer.Task.IsCompletedSuccessfully;
        }
        catch (TimeoutException exception)
        {
            throw new BackplaneUnavailableException(
                $"The backplane took no message for the node of connection '{command.Command.Subject}' within {_timeout}. The command was not sent.", exception);
        }
        finally
        {
            _waiting.TryRemove(question.RequestId, out _);
        }
    }

    private async ValueTask<long?> PublishAsync(SentCommand command, CancellationToken cancellationToken)
    {
        if (command.Envelope is { } message)
        {
            return await PublishAsync(command, message, cancellationToken);
        }

        var envelope = _writer.WriteCommand(command.RequestId, command.Command, out var length, command.Extensions);
        try
        {
            return await PublishAsync(command, envelope.AsMemory(0, length), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    private async ValueTask<long?> PublishAsync(SentCommand command, ReadOnlyMemory<byte> envelope, CancellationToken cancellationToken)
    {
        var receivers = (await _publisher.PublishAsync(command.Hub.NodeChannel(command.NodeId), envelope, cancellationToken)).Receivers;
        _counts = receivers is not null;
        return receivers;
    }
}

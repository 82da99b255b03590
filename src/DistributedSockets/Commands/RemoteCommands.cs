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
        EnvelopeWriter writer,
        LiveNodes nodes,
        IOptions<DistributedWebSocketsOptions> options,
        TimeProvider time)
    {
        _node = node;
        _publisher = publisher;
        _subscriptions = subscriptions;
        _executor = executor;
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
    /// <exception cref="InvalidOperationException">The connection is in too many groups.</exception>
    internal async ValueTask InvokeAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        var outcome = ConnectionId.NodeOf(command.Subject) switch
        {
            [] => RemoteCommandOutcome.NotFound,
            var nodeId when nodeId.SequenceEqual(_node.Info.NodeId) => await _executor.ExecuteAsync(hub, command, cancellationToken),
            var nodeId => await AskAsync(new(hub, nodeId.ToString(), command, NewRequestId(), cancellationToken)),
        };

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
            case RemoteCommandOutcome.TooManyGroups:
                throw new InvalidOperationException(
                    $"Connection '{command.Subject}' is in as many groups as a connection may be in, so it was not added to '{command.Group}'. " +
                    "Remove it from others, or raise HubOptions.MaxGroupsPerConnection at its node.");
        }
    }

    /// <summary>Takes an answer of another node; one that was not asked, or not for this, is passed over.</summary>
    internal void OnReply(HubConnections hub, ReadOnlySpan<byte> origin, Guid requestId, RemoteCommandOutcome outcome)
    {
        if (_waiting.TryGetValue(requestId, out var asked) && ReferenceEquals(asked.Hub, hub) && Ascii.Equals(origin, asked.NodeId))
        {
            asked.Answer.TrySetResult(outcome);
        }
    }

    /// <summary>An id that nobody can guess: whoever can publish could else answer in another node's name.</summary>
    private static Guid NewRequestId()
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        return new(random);
    }

    private async Task<RemoteCommandOutcome> AskAsync(SentCommand command)
    {
        _waiting[command.RequestId] = command;
        try
        {
            if (await _queues.SendAsync(command) != 0)
            {
                return await command.Answer.Task.WaitAsync(_timeout, _time, command.CancellationToken);
            }
        }
        catch (TimeoutException exception)
        {
            Withdraw(command);
            throw new RemoteCommandTimeoutException(
                $"The node of connection '{command.Command.Subject}' did not answer within {_timeout}. The command may have been carried out.",
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

        return await OnNobodyAsync(command);
    }

    /// <summary>Has the node take back a join that nobody here waits for any more, unless it has been done already.</summary>
    private void Withdraw(SentCommand join)
    {
        if (join.TryGiveUp() || join.Command.Kind != RemoteCommandKind.AddToGroup)
        {
            return;
        }

        var withdrawal = new RemoteCommand(RemoteCommandKind.Withdraw, join.Command.Subject);
        _queues.SendAsync(new(join.Hub, join.NodeId, withdrawal, join.RequestId, CancellationToken.None)).AsTask().Observe(); // no more than a courtesy
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
        var envelope = _writer.WriteCommand(command.RequestId, command.Command, out var length, command.Extensions);
        try
        {
            var receivers = (await _publisher.PublishAsync(command.Hub.NodeChannel(command.NodeId), envelope.AsMemory(0, length), cancellationToken)).Receivers;
            _counts = receivers is not null;
            return receivers;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }
}

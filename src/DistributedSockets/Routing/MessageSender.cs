using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DistributedSockets;

/// <summary>Maps targets to channels and local connections of one hub, and sends to both.</summary>
/// <remarks>
/// Local connections are queued and the envelope is handed to the backplane under the locks of the target's channels, so that every
/// receiver on every node sees what this node sends to a target in one order. Nothing is awaited and nothing is written under them.
/// </remarks>
internal sealed class MessageSender(
    HubConnections hub,
    LocalNode node,
    LocalDelivery delivery,
    ChannelSubscriptions subscriptions,
    BackplanePublisher publisher,
    EnvelopeWriter writer,
    SendPreparation preparation,
    LoggedSender logged)
{
    /// <summary>So many names are compared with each other; a set would cost more.</summary>
    private const int FewNames = 16;

    private readonly OrderLocks _order = new();

    /// <inheritdoc cref="IWebSocketRouter.SendAsync(WebSocketTarget, WebSocketMessage, SendOptions, CancellationToken)"/>
    /// <remarks>It awaits nothing itself, so that a send which waits is one method that holds a message and options. What is wrong is in the task, as if it did.</remarks>
    internal ValueTask<SendResult> SendAsync(WebSocketTarget target, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken)
    {
        try
        {
            SendPreparation.Check(target, options);
            return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<SendResult>(cancellationToken)
                : Begin(target, message, options, cancellationToken);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<SendResult>(exception);
        }
    }

    private ValueTask<SendResult> Begin(in WebSocketTarget target, in WebSocketMessage message, in SendOptions options, CancellationToken cancellationToken)
    {
        node.ThrowIfNotStarted();
        if (target.Kind != WebSocketTargetKind.All && target.Count == 0)
        {
            return new(Here(0));
        }

        if (logged.IsLogged(target, options))
        {
            return logged.SendAsync(target, message, options, cancellationToken);
        }

        var excluded = options.ExcludedConnectionIds;
        var compressing = preparation.Prepare(target, message, options, Guid.Empty, out var extensions);
        return target switch
        {
            { Kind: WebSocketTargetKind.All } =>
                SendToChannelAsync(hub.AllChannel, target.Kind, null, excluded, message, compressing, extensions, cancellationToken),
            { Kind: WebSocketTargetKind.Connections, Count: 1 } when excluded.Count == 0 =>
                SendToConnectionAsync(target[0], message, compressing, extensions, cancellationToken),
            { Kind: WebSocketTargetKind.Users or WebSocketTargetKind.Groups, Count: 1 } => SendToChannelAsync(
                Channel(target.Kind, target[0]), target.Kind, target[0], excluded, message, compressing, extensions, cancellationToken),
            _ => SendToSeveralAsync(target, excluded, message, compressing, extensions, cancellationToken),
        };
    }

    private static SendResult Here(int queued) => new() { QueuedHere = queued };

    private string Channel(WebSocketTargetKind kind, string name) => kind == WebSocketTargetKind.Users ? hub.UserChannel(name) : hub.GroupChannel(name);

    private static ReadOnlySpan<string> AsSpan(IReadOnlyList<string> names) => names switch
    {
        string[] array => array,
        List<string> list => CollectionsMarshal.AsSpan(list),
        _ => names.Count == 0 ? [] : (string[])[.. names],
    };

    /// <summary>Sends to everyone, or to one user or group: here, and on one channel. The message is encoded into its envelope, which is its only copy.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<SendResult> SendToChannelAsync(
        string channel,
        WebSocketTargetKind kind,
        string? name,
        IReadOnlyList<string> excluded,
        WebSocketMessage message,
        FrameDeflater? compressing,
        EnvelopeExtensions extensions,
        CancellationToken cancellationToken)
    {
        using var frame = writer.Encode(kind, name is null ? [] : new ReadOnlySpan<string>(in name), excluded, message, compressing, extensions);
        var isOwn = subscriptions.IsSubscribed(channel);
        var queued = default(QueuedFrames);
        ValueTask<PublishResult> publish;
        try
        {
            var order = OrderLocks.Of(channel);
            _order.Enter(order);
            try
            {
                queued = delivery.Enqueue(hub, kind, new(name is null ? [] : new ReadOnlySpan<string>(in name)), new(AsSpan(excluded)), frame);
                publish = publisher.PublishAsync(channel, frame.Envelope, cancellationToken);
            }
            finally
            {
                _order.Exit(order);
            }
        }
        finally
        {
            delivery.Start(queued);
        }

        try
        {
            return Here(queued.Count) with { OtherNodes = OutcomeOf(channel, isOwn, await publish) };
        }
        catch (BackplaneUnavailableException exception)
        {
            throw exception.After(queued.Count);
        }
    }

    /// <summary>Sends to one connection: directly if it is here, else on the channel of its node. One receiver has its order without a lock.</summary>
    private ValueTask<SendResult> SendToConnectionAsync(
        string connectionId, WebSocketMessage message, FrameDeflater? compressing, in EnvelopeExtensions extensions, CancellationToken cancellationToken)
    {
        var nodeId = ConnectionId.NodeOf(connectionId);
        if (nodeId.IsEmpty)
        {
            return new(Here(0));
        }

        if (!nodeId.SequenceEqual(node.Info.NodeId))
        {
            return PublishToNodeAsync(hub.NodeChannel(nodeId), connectionId, message, compressing, extensions, cancellationToken);
        }

        using var frame = SharedFrame.Encode(message, compressing, terms: extensions.Terms);
        var queued = delivery.Enqueue(hub, WebSocketTargetKind.Connections, new(new ReadOnlySpan<string>(in connectionId)), default, frame);
        delivery.Start(queued);
        return new(Here(queued.Count));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<SendResult> PublishToNodeAsync(
        string channel,
        string connectionId,
        WebSocketMessage message,
        FrameDeflater? compressing,
        EnvelopeExtensions extensions,
        CancellationToken cancellationToken)
    {
        using var frame = writer.Encode(WebSocketTargetKind.Connections, new ReadOnlySpan<string>(in connectionId), [], message, compressing, extensions);
        try
        {
            return Here(0) with { OtherNodes = OutcomeOf(channel, isOwn: false, await publisher.PublishAsync(channel, frame.Envelope, cancellationToken)) };
        }
        catch (BackplaneUnavailableException exception)
        {
            throw exception.After(queuedHere: 0);
        }
    }

    /// <summary>
    /// Sends to several users, groups or connections: here, and on the channel of each user or group or of each node. Who is in several
    /// groups gets one copy. All of it is done in one turn, so that two such sends to the same target have one order everywhere. Each
    /// envelope has a copy of the frame.
    /// </summary>
    private async ValueTask<SendResult> SendToSeveralAsync(
        WebSocketTarget target,
        IReadOnlyList<string> excluded,
        WebSocketMessage message,
        FrameDeflater? compressing,
        EnvelopeExtensions extensions,
        CancellationToken cancellationToken)
    {
        using var frame = SharedFrame.Encode(message, compressing, terms: extensions.Terms);
        var outgoing = new List<Outgoing>(target.Count);
        try
        {
            var order = 0UL;
            var names = target.Kind == WebSocketTargetKind.Connections
                ? ToConnections(target, excluded, frame, extensions, outgoing, ref order)
                : ToNames(target, excluded, frame, extensions, outgoing);
            foreach (var envelope in outgoing)
            {
                order |= OrderLocks.Of(envelope.Channel);
            }

            var queued = default(QueuedFrames);
            var others = OtherNodesOutcome.NotNeeded;
            List<Task<OtherNodesOutcome>>? pending = null;
            try
            {
                _order.Enter(order);
                try
                {
                    // What a target of connections excludes is not among the names any more.
                    queued = delivery.Enqueue(
                        hub, target.Kind, new(names), target.Kind == WebSocketTargetKind.Connections ? default : new(AsSpan(excluded)), frame);
                    foreach (var envelope in outgoing)
                    {
                        var publish = PublishAsync(envelope, cancellationToken);
                        if (publish.IsCompletedSuccessfully)
                        {
                            others = LeastCertain(others, publish.Result);
                        }
                        else
                        {
                            (pending ??= new(outgoing.Count)).Add(publish.AsTask());
                        }
                    }
                }
                finally
                {
                    _order.Exit(order);
                }
            }
            finally
            {
                delivery.Start(queued);
            }

            if (pending is not null)
            {
                try
                {
                    foreach (var outcome in await Task.WhenAll(pending))
                    {
                        others = LeastCertain(others, outcome);
                    }
                }
                catch (BackplaneUnavailableException exception)
                {
                    throw exception.After(queued.Count);
                }
            }

            return Here(queued.Count) with { OtherNodes = others };
        }
        finally
        {
            foreach (var envelope in outgoing)
            {
                ArrayPool<byte>.Shared.Return(envelope.Array);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<OtherNodesOutcome> PublishAsync(Outgoing envelope, CancellationToken cancellationToken) =>
        OutcomeOf(envelope.Channel, envelope.IsOwn, await publisher.PublishAsync(envelope.Channel, envelope.Bytes, cancellationToken));

    /// <summary>What a publish says of other nodes.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="isOwn">Whether this node listened to it before; if it still does, it is one of those that were counted.</param>
    /// <param name="result">What the transport says.</param>
    private OtherNodesOutcome OutcomeOf(string channel, bool isOwn, PublishResult result) => result.Receivers switch
    {
        0 => OtherNodesOutcome.NoSubscriberSeen,
        1 when isOwn && subscriptions.IsSubscribed(channel) => OtherNodesOutcome.NoSubscriberSeen,
        _ => OtherNodesOutcome.Taken,
    };

    /// <summary>What is true of two envelopes together: that a transport saw nobody only if it is so for both, or the other needed none.</summary>
    private static OtherNodesOutcome LeastCertain(OtherNodesOutcome one, OtherNodesOutcome other) =>
        one == OtherNodesOutcome.Taken || other == OtherNodesOutcome.Taken ? OtherNodesOutcome.Taken
        : one == OtherNodesOutcome.NoSubscriberSeen ? one
        : other;

    /// <summary>Writes an envelope for each user or group.</summary>
    /// <returns>The users or groups, each once.</returns>
    private string[] ToNames(
        in WebSocketTarget target, IReadOnlyList<string> excluded, SharedFrame frame, in EnvelopeExtensions extensions, List<Outgoing> outgoing)
    {
        var names = Distinct(target);
        var messageId = target.Kind == WebSocketTargetKind.Groups ? Guid.NewGuid() : Guid.Empty; // a connection has one user, but several groups
        foreach (var name in names)
        {
            var channel = Channel(target.Kind, name);
            var array = writer.WriteFrame(target.Kind, new ReadOnlySpan<string>(in name), excluded, messageId, frame, out var length, extensions);
            outgoing.Add(new(channel, array, length, subscriptions.IsSubscribed(channel)));
        }

        return names;
    }

    /// <summary>Writes one envelope for each other node, or several where the ids do not fit into one.</summary>
    /// <returns>The ids of connections that are here.</returns>
    private string[] ToConnections(
        in WebSocketTarget target,
        IReadOnlyList<string> excluded,
        SharedFrame frame,
        in EnvelopeExtensions extensions,
        List<Outgoing> outgoing,
        ref ulong order)
    {
        HashSet<string>? left = excluded.Count == 0 ? null : new(excluded, StringComparer.Ordinal);
        var nodes = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var perNode = nodes.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var id in Distinct(target))
        {
            var nodeId = ConnectionId.NodeOf(id);
            if (!nodeId.IsEmpty && left?.Contains(id) != true)
            {
                if (!perNode.TryGetValue(nodeId, out var there))
                {
                    perNode[nodeId] = there = [];
                }

                there.Add(id);
            }
        }

        string[] here = [];
        foreach (var (nodeId, connectionIds) in nodes)
        {
            if (nodeId == node.Info.NodeId)
            {
                here = [.. connectionIds];
                order |= OrderLocks.Of(hub.OwnChannel);
                continue;
            }

            var channel = hub.NodeChannel(nodeId);
            for (var rest = CollectionsMarshal.AsSpan(connectionIds); rest.Length > 0;)
            {
                var fitting = rest[..writer.CountFitting(rest, frame, extensions)];
                var array = writer.WriteFrame(WebSocketTargetKind.Connections, fitting, [], Guid.Empty, frame, out var length, extensions);
                outgoing.Add(new(channel, array, length, IsOwn: false));
                rest = rest[fitting.Length..];
            }
        }

        return here;
    }

    /// <summary>The names of a target, each once.</summary>
    internal static string[] Distinct(in WebSocketTarget target)
    {
        var names = new string[target.Count];
        var set = target.Count > FewNames ? new HashSet<string>(target.Count, StringComparer.Ordinal) : null;
        var count = 0;
        for (var i = 0; i < names.Length; i++)
        {
            var name = target[i];
            if (set is null ? Array.IndexOf(names, name, 0, count) < 0 : set.Add(name))
            {
                names[count++] = name;
            }
        }

        return count == names.Length ? names : names[..count];
    }

    /// <summary>An envelope in an array of the shared pool, the channel it goes out on, and whether this node listens there.</summary>
    private readonly record struct Outgoing(string Channel, byte[] Array, int Length, bool IsOwn)
    {
        internal ReadOnlyMemory<byte> Bytes => Array.AsMemory(0, Length);
    }
}

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
    HubConnections hub, LocalNode node, LocalDelivery delivery, BackplanePublisher publisher, EnvelopeWriter writer, FrameDeflater deflater)
{
    /// <summary>So many names are compared with each other; a set would cost more.</summary>
    private const int FewNames = 16;

    private readonly OrderLocks _order = new();

    /// <inheritdoc cref="IWebSocketRouter.SendAsync(WebSocketTarget, WebSocketMessage, CancellationToken)"/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask SendAsync(WebSocketTarget target, WebSocketMessage message, CancellationToken cancellationToken)
    {
        Check(target);
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        if (target.Kind != WebSocketTargetKind.All && target.Count == 0)
        {
            return;
        }

        // One rule for all sends, wherever the receivers are: what works on one node must work on two. The compressed frame is shorter
        // than the plain one; it and the trace context are left out where there might be no room for them.
        var bytes = SharedFrame.EncodedLength(message.Length);
        var room = writer.RoomFor(target);
        if (bytes > room)
        {
            throw new ArgumentException(
                $"The message has {message.Length} bytes, of which {Math.Max(0, room - SharedFrame.MaxHeaderBytes)} fit into an envelope with the names of this target. " +
                "Nothing was sent. Send it in parts, or raise DistributedWebSocketsOptions.MaxEnvelopeBytes on all nodes.",
                nameof(message));
        }

        var extensions = new EnvelopeExtensions { TraceContext = TraceContextValue.Current };
        if (bytes + extensions.Bytes > room)
        {
            extensions = default;
        }

        var compressing = (2 * bytes) + extensions.Bytes <= room ? DeflaterFor(target) : null;
        await (target switch
        {
            { Kind: WebSocketTargetKind.All } =>
                SendToChannelAsync(hub.AllChannel, target.Kind, null, target.ExcludedConnectionIds, message, compressing, extensions, cancellationToken),
            { Kind: WebSocketTargetKind.Connections, Count: 1, ExcludedConnectionIds.Count: 0 } =>
                SendToConnectionAsync(target[0], message, compressing, extensions, cancellationToken),
            { Kind: WebSocketTargetKind.Users or WebSocketTargetKind.Groups, Count: 1 } => SendToChannelAsync(
                Channel(target.Kind, target[0]), target.Kind, target[0], target.ExcludedConnectionIds, message, compressing, extensions, cancellationToken),
            _ => SendToSeveralAsync(target, message, compressing, extensions, cancellationToken),
        });
    }

    private static void Check(in WebSocketTarget target)
    {
        for (var i = 0; i < target.Count; i++)
        {
            if (target.Kind == WebSocketTargetKind.Connections)
            {
                ArgumentNullException.ThrowIfNull(target[i], nameof(target));
            }
            else
            {
                Names.Check(target[i], nameof(target));
            }
        }

        if (target.ExcludedConnectionIds.Count > ushort.MaxValue)
        {
            throw new ArgumentException(
                $"The target excludes {target.ExcludedConnectionIds.Count} connections; at most {ushort.MaxValue} can be. Send to a group instead.", nameof(target));
        }

        for (var i = 0; i < target.ExcludedConnectionIds.Count; i++)
        {
            ArgumentNullException.ThrowIfNull(target.ExcludedConnectionIds[i], nameof(target));
            if (target.ExcludedConnectionIds[i].Length > ConnectionId.MaxLength)
            {
                throw new ArgumentException($"An excluded connection id has {target.ExcludedConnectionIds[i].Length} characters; no connection has such an id.", nameof(target));
            }
        }
    }

    /// <summary>What compresses a message for a target: nothing if that is one connection of this node which takes no compressed frames.</summary>
    private FrameDeflater? DeflaterFor(in WebSocketTarget target) =>
        deflater.IsEnabled
        && !(target.Kind == WebSocketTargetKind.Connections && target.Count == 1 && hub.Find(target[0]) is { Queue.TakesDeflated: false })
            ? deflater
            : null;

    private string Channel(WebSocketTargetKind kind, string name) => kind == WebSocketTargetKind.Users ? hub.UserChannel(name) : hub.GroupChannel(name);

    private static ReadOnlySpan<string> AsSpan(IReadOnlyList<string> names) => names switch
    {
        string[] array => array,
        List<string> list => CollectionsMarshal.AsSpan(list),
        _ => names.Count == 0 ? [] : (string[])[.. names],
    };

    /// <summary>Sends to everyone, or to one user or group: here, and on one channel. The message is encoded into its envelope, which is its only copy.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendToChannelAsync(
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
        var queued = default(QueuedFrames);
        ValueTask<long?> publish;
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

        await publish;
    }

    /// <summary>Sends to one connection: directly if it is here, else on the channel of its node. One receiver has its order without a lock.</summary>
    private ValueTask SendToConnectionAsync(
        string connectionId, WebSocketMessage message, FrameDeflater? compressing, in EnvelopeExtensions extensions, CancellationToken cancellationToken)
    {
        var nodeId = ConnectionId.NodeOf(connectionId);
        if (nodeId.IsEmpty)
        {
            return ValueTask.CompletedTask;
        }

        if (!nodeId.SequenceEqual(node.Info.NodeId))
        {
            return PublishToNodeAsync(hub.NodeChannel(nodeId), connectionId, message, compressing, extensions, cancellationToken);
        }

        using var frame = SharedFrame.Encode(message, compressing);
        delivery.Start(delivery.Enqueue(hub, WebSocketTargetKind.Connections, new(new ReadOnlySpan<string>(in connectionId)), default, frame));
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PublishToNodeAsync(
        string channel,
        string connectionId,
        WebSocketMessage message,
        FrameDeflater? compressing,
        EnvelopeExtensions extensions,
        CancellationToken cancellationToken)
    {
        using var frame = writer.Encode(WebSocketTargetKind.Connections, new ReadOnlySpan<string>(in connectionId), [], message, compressing, extensions);
        await publisher.PublishAsync(channel, frame.Envelope, cancellationToken);
    }

    /// <summary>
    /// Sends to several users, groups or connections: here, and on the channel of each user or group or of each node. Who is in several
    /// groups gets one copy. All of it is done in one turn, so that two such sends to the same target have one order everywhere. Each
    /// envelope has a copy of the frame.
    /// </summary>
    private async ValueTask SendToSeveralAsync(
        WebSocketTarget target, WebSocketMessage message, FrameDeflater? compressing, EnvelopeExtensions extensions, CancellationToken cancellationToken)
    {
        using var frame = SharedFrame.Encode(message, compressing);
        var outgoing = new List<Outgoing>(target.Count);
        try
        {
            var order = 0UL;
            var names = target.Kind == WebSocketTargetKind.Connections ? ToConnections(target, frame, extensions, outgoing, ref order) : ToNames(target, frame, extensions, outgoing);
            foreach (var envelope in outgoing)
            {
                order |= OrderLocks.Of(envelope.Channel);
            }

            var queued = default(QueuedFrames);
            List<Task>? pending = null;
            try
            {
                _order.Enter(order);
                try
                {
                    // What a target of connections excludes is not among the names any more.
                    queued = delivery.Enqueue(
                        hub,
                        target.Kind,
                        new(names),
                        target.Kind == WebSocketTargetKind.Connections ? default : new(AsSpan(target.ExcludedConnectionIds)),
                        frame);
                    foreach (var envelope in outgoing)
                    {
                        var publish = publisher.PublishAsync(envelope.Channel, envelope.Bytes, cancellationToken);
                        if (publish.IsCompletedSuccessfully)
                        {
                            _ = publish.Result; // which gives back what stands behind it
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
                await Task.WhenAll(pending);
            }
        }
        finally
        {
            foreach (var envelope in outgoing)
            {
                ArrayPool<byte>.Shared.Return(envelope.Array);
            }
        }
    }

    /// <summary>Writes an envelope for each user or group.</summary>
    /// <returns>The users or groups, each once.</returns>
    private string[] ToNames(in WebSocketTarget target, SharedFrame frame, in EnvelopeExtensions extensions, List<Outgoing> outgoing)
    {
        var names = Distinct(target);
        var messageId = target.Kind == WebSocketTargetKind.Groups ? Guid.NewGuid() : Guid.Empty; // a connection has one user, but several groups
        foreach (var name in names)
        {
            var channel = Channel(target.Kind, name);
            var array = writer.WriteFrame(target.Kind, new ReadOnlySpan<string>(in name), target.ExcludedConnectionIds, messageId, frame, out var length, extensions);
            outgoing.Add(new(channel, array, length));
        }

        return names;
    }

    /// <summary>Writes one envelope for each other node, or several where the ids do not fit into one.</summary>
    /// <returns>The ids of connections that are here.</returns>
    private string[] ToConnections(
        in WebSocketTarget target, SharedFrame frame, in EnvelopeExtensions extensions, List<Outgoing> outgoing, ref ulong order)
    {
        HashSet<string>? excluded = target.ExcludedConnectionIds.Count == 0 ? null : new(target.ExcludedConnectionIds, StringComparer.Ordinal);
        var nodes = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var perNode = nodes.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var id in Distinct(target))
        {
            var nodeId = ConnectionId.NodeOf(id);
            if (!nodeId.IsEmpty && excluded?.Contains(id) != true)
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
                outgoing.Add(new(channel, array, length));
                rest = rest[fitting.Length..];
            }
        }

        return here;
    }

    private static string[] Distinct(in WebSocketTarget target)
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

    /// <summary>An envelope in an array of the shared pool, and the channel it goes out on.</summary>
    private readonly record struct Outgoing(string Channel, byte[] Array, int Length)
    {
        internal ReadOnlyMemory<byte> Bytes => Array.AsMemory(0, Length);
    }
}

using System.Buffers;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Maps targets to channels and local connections of one hub.</summary>
/// <remarks>
/// Local connections are queued and the envelope is handed to the backplane under one lock per channel, so that every receiver
/// on every node sees what this node sends to a channel in one order. Nothing is awaited and nothing is written under it.
/// </remarks>
internal sealed class WebSocketRouter : IWebSocketRouter
{
    private const int OrderLocks = 64;

    private readonly HubConnections _hub;
    private readonly RouterServices _services;
    private readonly Lock[] _order = new Lock[OrderLocks];

    internal WebSocketRouter(HubConnections hub, RouterServices services)
    {
        _hub = hub;
        _services = services;
        for (var i = 0; i < _order.Length; i++)
        {
            _order[i] = new();
        }
    }

    public string Hub => _hub.Name;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SendAsync(WebSocketTarget target, WebSocketMessage message, CancellationToken cancellationToken = default)
    {
        Check(target);
        cancellationToken.ThrowIfCancellationRequested();
        _services.Node.ThrowIfNotStarted();
        if (target.Kind != WebSocketTargetKind.All && target.Count == 0)
        {
            return;
        }

        // One rule for all sends, wherever the receivers are: what works on one node must work on two. The compressed frame is shorter
        // than the plain one, and is left out where there might be no room for it.
        var bytes = SharedFrame.EncodedLength(message.Length);
        var room = _services.Writer.RoomFor(target);
        if (bytes > room)
        {
            throw new ArgumentException(
                $"The message has {message.Length} bytes, of which {Math.Max(0, room - SharedFrame.MaxHeaderBytes)} fit into an envelope with the names of this target. " +
                "Nothing was sent. Send it in parts, or raise DistributedWebSocketsOptions.MaxEnvelopeBytes on all nodes.",
                nameof(message));
        }

        using var frame = SharedFrame.Encode(message, 2 * bytes <= room ? DeflaterFor(target) : null);
        if (target.Kind == WebSocketTargetKind.All)
        {
            await SendToChannelAsync(_hub.AllChannel, target.Kind, null, target.ExcludedConnectionIds, Guid.Empty, null, frame, cancellationToken);
        }
        else if (target.Kind == WebSocketTargetKind.Connections)
        {
            await SendToConnectionsAsync(target, frame, cancellationToken);
        }
        else if (target.Count == 1)
        {
            await SendToChannelAsync(Channel(target.Kind, target[0]), target.Kind, target[0], target.ExcludedConnectionIds, Guid.Empty, null, frame, cancellationToken);
        }
        else
        {
            await SendToChannelsAsync(target, frame, cancellationToken);
        }
    }

    public ValueTask SendAsync<T>(WebSocketTarget target, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default)
    {
        switch (value)
        {
            case string text:
                return SendAsync(target, WebSocketMessage.Text(text), cancellationToken);
            case byte[] bytes:
                return SendAsync(target, WebSocketMessage.Binary(bytes), cancellationToken);
            case ReadOnlyMemory<byte> memory:
                return SendAsync(target, WebSocketMessage.Binary(memory), cancellationToken);
            case Memory<byte> memory:
                return SendAsync(target, WebSocketMessage.Binary(memory), cancellationToken);
            case WebSocketMessage message:
                return SendAsync(target, message, cancellationToken);
            default:
                jsonTypeInfo ??= (JsonTypeInfo<T>)_services.Json.GetTypeInfo(typeof(T));
                return SendAsync(target, new(JsonSerializer.SerializeToUtf8Bytes(value, jsonTypeInfo), WebSocketMessageType.Text), cancellationToken);
        }
    }

    public ValueTask AddToGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default)
    {
        Names.Check(group, nameof(group));
        return InvokeAsync(new(RemoteCommandKind.AddToGroup, connectionId, group), cancellationToken);
    }

    public ValueTask RemoveFromGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default)
    {
        Names.Check(group, nameof(group));
        return InvokeAsync(new(RemoteCommandKind.RemoveFromGroup, connectionId, group), cancellationToken);
    }

    public ValueTask RemoveFromAllGroupsAsync(string connectionId, CancellationToken cancellationToken = default) =>
        InvokeAsync(new(RemoteCommandKind.RemoveFromAllGroups, connectionId), cancellationToken);

    public ValueTask DisconnectAsync(
        string connectionId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default)
    {
        CloseCodes.Check(closeStatus, reason);
        return InvokeAsync(new(RemoteCommandKind.Disconnect, connectionId, "", (ushort)closeStatus, reason ?? ""), cancellationToken);
    }

    public ValueTask DisconnectUserAsync(
        string userId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default)
    {
        Names.Check(userId, nameof(userId));
        CloseCodes.Check(closeStatus, reason);
        return TellAllAsync(
            _hub.UserChannel(userId), new(RemoteCommandKind.DisconnectUser, userId, "", (ushort)closeStatus, reason ?? ""), cancellationToken);
    }

    public ValueTask DisconnectGroupAsync(
        string group,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default)
    {
        Names.Check(group, nameof(group));
        CloseCodes.Check(closeStatus, reason);
        return TellAllAsync(
            _hub.GroupChannel(group), new(RemoteCommandKind.DisconnectGroup, group, "", (ushort)closeStatus, reason ?? ""), cancellationToken);
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
        _services.Deflater is { } deflater
        && !(target.Kind == WebSocketTargetKind.Connections && target.Count == 1 && _hub.Find(target[0]) is { Queue.TakesDeflated: false })
            ? deflater
            : null;

    private string Channel(WebSocketTargetKind kind, string name) => kind == WebSocketTargetKind.Users ? _hub.UserChannel(name) : _hub.GroupChannel(name);

    private Lock Order(string channel) => _order[(uint)channel.GetHashCode(StringComparison.Ordinal) % OrderLocks];

    /// <summary>Sends to everyone, or to one user or group: here, and on one channel.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendToChannelAsync(
        string channel,
        WebSocketTargetKind kind,
        string? name,
        IReadOnlyList<string> excluded,
        Guid messageId,
        HashSet<Connection>? served,
        SharedFrame frame,
        CancellationToken cancellationToken)
    {
        var excludedHere = FanOut.Resolve(_hub, excluded);
        var envelope = _services.Writer.WriteFrame(kind, name is null ? [] : new ReadOnlySpan<string>(in name), excluded, messageId, frame, out var length);
        try
        {
            MemberList members;
            ValueTask<long?> publish;
            lock (Order(channel))
            {
                members = _hub.Members(kind, name);
                _services.Metrics.FramesSent(FanOut.Enqueue(members, frame, excludedHere, served));
                publish = _services.Publisher.PublishAsync(channel, envelope.AsMemory(0, length), cancellationToken);
            }

            _hub.Writer.Start(members);
            await publish;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    /// <summary>Sends to several users or groups, each on its own channel; who is in several groups gets one copy.</summary>
    private async ValueTask SendToChannelsAsync(WebSocketTarget target, SharedFrame frame, CancellationToken cancellationToken)
    {
        var names = Distinct(target);
        var overlapping = target.Kind == WebSocketTargetKind.Groups;
        var messageId = overlapping ? Guid.NewGuid() : Guid.Empty;
        var served = overlapping ? new HashSet<Connection>() : null;
        var sends = new List<Task>(names.Count);
        foreach (var name in names)
        {
            var send = SendToChannelAsync(
                Channel(target.Kind, name), target.Kind, name, target.ExcludedConnectionIds, messageId, served, frame, cancellationToken).AsTask();
            send.Observe(); // a routing strategy may have no channel for the next name
            sends.Add(send);
        }

        await Task.WhenAll(sends);
    }

    /// <summary>Sends to connections by id: directly to those here, and with one envelope to each other node.</summary>
    private async ValueTask SendToConnectionsAsync(WebSocketTarget target, SharedFrame frame, CancellationToken cancellationToken)
    {
        if (target.Count == 1 && target.ExcludedConnectionIds.Count == 0)
        {
            await SendToNodeAsync(target[0], frame, cancellationToken);
            return;
        }

        var ids = Distinct(target);
        foreach (var excluded in target.ExcludedConnectionIds)
        {
            ids.Remove(excluded);
        }

        var nodes = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var id in ids)
        {
            var nodeId = ConnectionId.NodeOf(id);
            if (!nodeId.IsEmpty)
            {
                var perNode = nodes.GetAlternateLookup<ReadOnlySpan<char>>();
                if (!perNode.TryGetValue(nodeId, out var here))
                {
                    perNode[nodeId] = here = [];
                }

                here.Add(id);
            }
        }

        var sends = new List<Task>(nodes.Count);
        foreach (var (nodeId, connectionIds) in nodes)
        {
            for (var sent = 0; sent < connectionIds.Count;)
            {
                var rest = CollectionsMarshal.AsSpan(connectionIds)[sent..];
                var fitting = rest[.._services.Writer.CountFitting(rest, frame)];
                var send = SendToNodeAsync(nodeId, fitting, frame, cancellationToken).AsTask();
                send.Observe(); // the next may fail at once, such as by a listener of the metrics
                sends.Add(send);
                sent += fitting.Length;
            }
        }

        await Task.WhenAll(sends);
    }

    private ValueTask SendToNodeAsync(string connectionId, SharedFrame frame, CancellationToken cancellationToken)
    {
        var nodeId = ConnectionId.NodeOf(connectionId);
        if (nodeId.IsEmpty)
        {
            return ValueTask.CompletedTask;
        }

        if (nodeId.SequenceEqual(_services.Node.Info.NodeId))
        {
            Deliver(connectionId, frame);
            return ValueTask.CompletedTask;
        }

        return PublishAsync(_hub.NodeChannel(nodeId), new ReadOnlySpan<string>(in connectionId), frame, cancellationToken);
    }

    private ValueTask SendToNodeAsync(string nodeId, ReadOnlySpan<string> connectionIds, SharedFrame frame, CancellationToken cancellationToken)
    {
        if (nodeId != _services.Node.Info.NodeId)
        {
            return PublishAsync(_hub.NodeChannel(nodeId), connectionIds, frame, cancellationToken);
        }

        foreach (var connectionId in connectionIds)
        {
            Deliver(connectionId, frame);
        }

        return ValueTask.CompletedTask;
    }

    private void Deliver(string connectionId, SharedFrame frame)
    {
        if (_hub.Find(connectionId) is { } connection)
        {
            if (connection.Queue.TryEnqueue(frame))
            {
                _services.Metrics.FramesSent(1);
            }

            connection.Queue.Start();
        }
    }

    private ValueTask PublishAsync(string channel, ReadOnlySpan<string> connectionIds, SharedFrame frame, CancellationToken cancellationToken)
    {
        var envelope = _services.Writer.WriteFrame(WebSocketTargetKind.Connections, connectionIds, [], Guid.Empty, frame, out var length);
        return PublishAsync(channel, envelope, length, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PublishAsync(string channel, byte[] envelope, int length, CancellationToken cancellationToken)
    {
        try
        {
            await _services.Publisher.PublishAsync(channel, envelope.AsMemory(0, length), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    private static HashSet<string> Distinct(in WebSocketTarget target)
    {
        var names = new HashSet<string>(target.Count, StringComparer.Ordinal);
        for (var i = 0; i < target.Count; i++)
        {
            names.Add(target[i]);
        }

        return names;
    }

    private ValueTask InvokeAsync(RemoteCommand command, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(command.Subject, "connectionId");
        cancellationToken.ThrowIfCancellationRequested();
        _services.Node.ThrowIfNotStarted();
        return _services.Commands.InvokeAsync(_hub, command, cancellationToken);
    }

    /// <summary>Has a command carried out on every node that listens to a channel, this one first; nobody answers.</summary>
    private async ValueTask TellAllAsync(string channel, RemoteCommand command, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _services.Node.ThrowIfNotStarted();
        await _services.Executor.ExecuteAsync(_hub, command);
        await PublishAsync(channel, _services.Writer.WriteCommand(Guid.Empty, command, out var length), length, cancellationToken);
    }
}

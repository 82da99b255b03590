using System.Text;

namespace DistributedSockets;

/// <summary>Delivers what arrives from other nodes, called by the lanes. Never waits.</summary>
internal sealed class EnvelopeDispatcher(RemoteCommands commands, DistributedWebSocketsMetrics metrics)
{
    /// <summary>Delivers one envelope; false if what stands in it is wrong.</summary>
    /// <param name="hub">The hub of its channel.</param>
    /// <param name="envelope">The envelope, which frames slice.</param>
    /// <param name="served">What the lane has delivered of messages on several channels.</param>
    internal bool TryDispatch(HubConnections hub, in Envelope envelope, DeliveredMessages served)
    {
        switch (envelope.Kind)
        {
            case EnvelopeKind.Frame:
                return TryDeliver(hub, envelope, served);
            case EnvelopeKind.Command:
                return TryCommand(hub, envelope);
            default:
                if (!envelope.Body().TryReadReply(out var requestId, out var outcome))
                {
                    return false;
                }

                commands.OnReply(hub, envelope.Origin, requestId, outcome);
                return true;
        }
    }

    private bool TryDeliver(HubConnections hub, in Envelope envelope, DeliveredMessages served)
    {
        Span<char> scratch = stackalloc char[NameList.ScratchChars];
        var members = Members(hub, envelope, scratch);
        if (members.Count == 0 && envelope.Target is WebSocketTargetKind.Users or WebSocketTargetKind.Groups)
        {
            return SharedFrame.IsFrame(envelope.Frame.Span, envelope.HasDeflated); // common where users and groups share a channel, and it allocates nothing
        }

        if (!SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame))
        {
            return false;
        }

        using var release = frame;
        if (envelope.Target == WebSocketTargetKind.Connections)
        {
            DeliverToConnections(hub, envelope.Names(scratch), frame, served);
        }
        else
        {
            Deliver(hub, members, frame, Excluded(hub, envelope.Excluded(scratch)), envelope.MessageId, served);
        }

        return true;
    }

    /// <summary>Who is here of everyone, or of the only user or group that is named.</summary>
    private static MemberList Members(HubConnections hub, in Envelope envelope, Span<char> scratch)
    {
        if (envelope.Target == WebSocketTargetKind.All)
        {
            return hub.All;
        }

        var names = envelope.Names(scratch).GetEnumerator();
        return envelope.Target != WebSocketTargetKind.Connections && names.MoveNext() ? hub.Members(envelope.Target, names.Current) : MemberList.Empty;
    }

    private static Connection?[] Excluded(HubConnections hub, NameList names)
    {
        if (names.Count == 0)
        {
            return [];
        }

        var excluded = new List<Connection?>();
        foreach (var name in names)
        {
            if (hub.Find(name) is { } connection)
            {
                excluded.Add(connection);
            }
        }

        return [.. excluded];
    }

    private void DeliverToConnections(HubConnections hub, NameList names, SharedFrame frame, DeliveredMessages served)
    {
        foreach (var name in names)
        {
            if (hub.Find(name) is { } connection && (names.Count == 1 || served.Named.Add(connection)))
            {
                DeliverToOne(connection, frame);
            }
        }

        served.Named.Clear();
    }

    private void DeliverToOne(Connection connection, SharedFrame frame)
    {
        metrics.FramesSent(connection.Queue.TryEnqueue(frame) ? 1 : 0);
        connection.Queue.Start();
    }

    private void Deliver(HubConnections hub, MemberList members, SharedFrame frame, Connection?[] excluded, Guid messageId, DeliveredMessages served)
    {
        if (members.Count == 0)
        {
            return;
        }

        metrics.FramesSent(messageId == Guid.Empty
            ? FanOut.Enqueue(members, frame, excluded)
            : served.Enqueue(messageId, members, frame, excluded));
        hub.Writer.Start(members);
    }

    private bool TryCommand(HubConnections hub, in Envelope envelope)
    {
        // The answer goes to the channel of the origin, and its name into the log.
        var origin = envelope.Origin;
        if (!ConnectionId.IsNode(origin) || !envelope.Body().TryReadCommand(out var requestId, out var command))
        {
            return false;
        }

        var isDisconnect = command.Kind is RemoteCommandKind.Disconnect or RemoteCommandKind.DisconnectUser or RemoteCommandKind.DisconnectGroup;
        if ((isDisconnect && !CloseCodes.IsValid(command.CloseStatus, command.Reason))
            || (command.Kind is RemoteCommandKind.AddToGroup or RemoteCommandKind.RemoveFromGroup && Names.Problem(command.Group) is not null))
        {
            return false;
        }

        commands.OnCommand(hub, requestId, Encoding.UTF8.GetString(origin), command);
        return true;
    }
}

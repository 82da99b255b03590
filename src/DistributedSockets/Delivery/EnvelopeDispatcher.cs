using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Delivers what arrives from other nodes, called by the lanes. Never waits.</summary>
internal sealed class EnvelopeDispatcher(Hubs hubs, RemoteCommands commands, DistributedWebSocketsMetrics metrics)
{
    private const int MaxNameBytes = 256;

    /// <summary>Delivers one envelope; false if it cannot be read.</summary>
    /// <param name="hub">The hub of its channel.</param>
    /// <param name="envelope">The envelope, which frames slice.</param>
    /// <param name="served">What the lane has delivered of messages on several channels.</param>
    internal bool TryDispatch(HubConnections hub, ReadOnlyMemory<byte> envelope, DeliveredMessages served)
    {
        if (!EnvelopeReader.TryBegin(envelope.Span, out var reader))
        {
            return false;
        }

        switch (reader.Kind)
        {
            case EnvelopeKind.Frame:
                return TryDeliver(hub, envelope, ref reader, served);
            case EnvelopeKind.Command:
                return TryCommand(hub, ref reader);
            default:
                if (!reader.TryReadReply(out var requestId, out var outcome))
                {
                    return false;
                }

                commands.OnReply(hub, reader.Origin, requestId, outcome);
                return true;
        }
    }

    /// <summary>The hub of a channel, <c>{prefix}:v1:{hub}:…</c>, if this process has to do with it.</summary>
    internal HubConnections? FindHub(string channel)
    {
        var rest = channel.AsSpan();
        for (var i = 0; i < 2; i++)
        {
            var colon = rest.IndexOf(':');
            if (colon < 0)
            {
                return null;
            }

            rest = rest[(colon + 1)..];
        }

        var end = rest.IndexOf(':');
        return end < 0 ? null : hubs.Find(rest[..end]);
    }

    private bool TryDeliver(HubConnections hub, ReadOnlyMemory<byte> envelope, ref EnvelopeReader reader, DeliveredMessages served)
    {
        if (!reader.TryReadByte(out var kindByte) || kindByte > (byte)WebSocketTargetKind.Groups || !reader.TryReadGuid(out var messageId))
        {
            return false;
        }

        var kind = (WebSocketTargetKind)kindByte;
        var names = reader;
        if (!reader.TrySkipStrings(out var nameCount) || !IsNameCount(kind, nameCount))
        {
            return false;
        }

        var excludedNames = reader;
        if (!reader.TrySkipStrings(out var excludedCount))
        {
            return false;
        }

        var frameBytes = envelope[reader.Position..];
        var members = kind switch
        {
            WebSocketTargetKind.All => hub.All,
            WebSocketTargetKind.Connections => MemberList.Empty,
            _ => MembersOf(hub, kind, names),
        };
        if (members.Count == 0 && kind is WebSocketTargetKind.Users or WebSocketTargetKind.Groups)
        {
            return SharedFrame.IsFrame(frameBytes.Span, reader.HasDeflated); // common where users and groups share a channel, and it allocates nothing
        }

        if (!SharedFrame.TryWrap(frameBytes, reader.HasDeflated, out var frame))
        {
            return false;
        }

        using var release = frame;
        if (kind == WebSocketTargetKind.Connections)
        {
            DeliverToConnections(hub, names, frame, served);
        }
        else
        {
            Deliver(hub, members, frame, excludedCount == 0 ? [] : Excluded(hub, excludedNames), messageId, served);
        }

        return true;
    }

    /// <summary>
    /// A user or group has an envelope to itself. More of them in one, or one of them over and over, would make much of few bytes.
    /// </summary>
    private static bool IsNameCount(WebSocketTargetKind kind, int count) => kind switch
    {
        WebSocketTargetKind.All => count == 0,
        WebSocketTargetKind.Connections => count > 0,
        _ => count == 1,
    };

    /// <summary>Who is here of the only user or group among the names.</summary>
    private static MemberList MembersOf(HubConnections hub, WebSocketTargetKind kind, EnvelopeReader names)
    {
        Span<char> name = stackalloc char[MaxNameBytes];
        names.TryReadUInt16(out _); // read once already, so it is there, as is the name behind it
        names.TryReadBytes(out var bytes);
        return bytes.Length > MaxNameBytes || !Utf8.IsValid(bytes) ? MemberList.Empty : hub.Members(kind, name[..Encoding.UTF8.GetChars(bytes, name)]);
    }

    private static Connection?[] Excluded(HubConnections hub, EnvelopeReader names)
    {
        names.TryReadUInt16(out var count);
        var excluded = new List<Connection?>();
        Span<char> name = stackalloc char[MaxNameBytes];
        for (var i = 0; i < count; i++)
        {
            names.TryReadBytes(out var bytes);
            if (bytes.Length <= MaxNameBytes && Utf8.IsValid(bytes) && hub.Find(name[..Encoding.UTF8.GetChars(bytes, name)]) is { } connection)
            {
                excluded.Add(connection);
            }
        }

        return [.. excluded];
    }

    private void DeliverToConnections(HubConnections hub, EnvelopeReader names, SharedFrame frame, DeliveredMessages served)
    {
        Span<char> name = stackalloc char[MaxNameBytes];
        names.TryReadUInt16(out var count);
        for (var i = 0; i < count; i++)
        {
            names.TryReadBytes(out var bytes);
            if (bytes.Length <= MaxNameBytes && Utf8.IsValid(bytes) // else nobody has such a name
                && hub.Find(name[..Encoding.UTF8.GetChars(bytes, name)]) is { } connection
                && (count == 1 || served.Named.Add(connection)))
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

    private bool TryCommand(HubConnections hub, ref EnvelopeReader reader)
    {
        // The answer goes to the channel of the origin, and its name into the log.
        var origin = reader.Origin;
        if (!ConnectionId.IsNode(origin) || !reader.TryReadCommand(out var requestId, out var command))
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

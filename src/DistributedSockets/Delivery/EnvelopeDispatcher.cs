using System.Text;

namespace DistributedSockets;

/// <summary>Delivers what arrives from other nodes, called by the lanes. Never waits.</summary>
internal sealed class EnvelopeDispatcher(
    LocalDelivery delivery, RemoteCommands commands, ForeignCommands foreignCommands, EnvelopeKnowledge knowledge, RefusedEnvelopes refused, TimeProvider time)
{
    /// <summary>Delivers one envelope; false if what stands in it is wrong.</summary>
    /// <param name="hub">The hub of its channel.</param>
    /// <param name="envelope">The envelope, which frames slice.</param>
    /// <param name="arrivedAt">When it arrived: a timestamp.</param>
    /// <param name="delivered">What the lane has delivered of messages on several channels.</param>
    internal bool TryDispatch(HubConnections hub, in Envelope envelope, long arrivedAt, DeliveredMessages delivered)
    {
        switch (envelope.Kind)
        {
            case EnvelopeKind.Frame:
                return TryDeliver(hub, envelope, arrivedAt, delivered);
            case EnvelopeKind.Command:
                return TryCommand(hub, envelope);
            case EnvelopeKind.Presence:
                return TryAnnounce(hub, envelope);
            case EnvelopeKind.LogGap or EnvelopeKind.SessionGroups or EnvelopeKind.SessionEnding:
                return false; // they have their place in a log
            default:
                if (!envelope.Body().TryReadReply(out var requestId, out var answer))
                {
                    return false;
                }

                commands.OnReply(hub, envelope.Origin, requestId, answer);
                return true;
        }
    }

    private bool TryDeliver(HubConnections hub, in Envelope envelope, long arrivedAt, DeliveredMessages delivered)
    {
        Span<char> scratch = stackalloc char[NameList.ScratchChars]; // names and exclusions are read one after the other
        var names = envelope.Names(scratch);
        if (!LocalDelivery.HasReceivers(hub, envelope.Target, names))
        {
            return SharedFrame.IsFrame(envelope.Frame.Span, envelope.HasDeflated); // common where users and groups share a channel, and it allocates nothing
        }

        if (!SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame, DeliveryTerms.Of(envelope, hub.Options.RecipientFilters, arrivedAt, time)))
        {
            return false;
        }

        using var release = frame;
        var messageId = envelope.MessageId;
        var recipients = messageId == Guid.Empty ? null : delivered.RecipientsOf(messageId);
        var queued = delivery.Enqueue(hub, envelope.Target, names, envelope.Excluded(scratch), frame, recipients);
        delivery.Start(queued);
        if (envelope.Confirmation is var requestId && requestId != Guid.Empty && ConnectionId.IsNode(envelope.Origin))
        {
            foreignCommands.Confirm(hub, requestId, Encoding.UTF8.GetString(envelope.Origin), queued.Confirmation);
        }

        return true;
    }

    private static bool TryAnnounce(HubConnections hub, in Envelope envelope)
    {
        if (hub.Roster is not { } roster)
        {
            return true; // nobody here has asked for it
        }

        if (!ConnectionId.IsNode(envelope.Origin) || !envelope.Body().TryReadPresence(out var announcement))
        {
            return false;
        }

        roster.OnAnnounced(envelope.Origin, announcement);
        return true;
    }

    private bool TryCommand(HubConnections hub, in Envelope envelope)
    {
        // The answer goes to the channel of the origin, and its name into the log.
        var origin = envelope.Origin;
        if (!ConnectionId.IsNode(origin) || !envelope.Body().TryReadCommandKind(out var requestId, out var kind))
        {
            return false;
        }

        if (!knowledge.Knows(kind))
        {
            OnUnknown(hub, requestId, origin, kind);
            return true;
        }

        if (!envelope.Body().TryReadCommand(out _, out var command))
        {
            return false;
        }

        if (!IsValid(requestId, command))
        {
            return false;
        }

        foreignCommands.OnCommand(hub, requestId, Encoding.UTF8.GetString(origin), command);
        return true;
    }

    /// <summary>Says to whoever waits for an answer that the command is not known here, else to this node if it must not be ignored.</summary>
    private void OnUnknown(HubConnections hub, Guid requestId, ReadOnlySpan<byte> origin, RemoteCommandKind kind)
    {
        if (requestId != Guid.Empty)
        {
            foreignCommands.OnCommand(hub, requestId, Encoding.UTF8.GetString(origin), new(kind, Subject: ""));
        }
        else
        {
            refused.ReportUnknown(((byte)kind & EnvelopeKnowledge.MayBeIgnored) != 0 ? EnvelopeVerdict.Ignored : EnvelopeVerdict.NotUnderstood);
        }
    }

    private static bool IsValid(Guid requestId, in RemoteCommand command) => command.Kind switch
    {
        RemoteCommandKind.Disconnect or RemoteCommandKind.DisconnectUser or RemoteCommandKind.DisconnectGroup or RemoteCommandKind.DisconnectAll =>
            CloseCodes.IsValid(command.CloseStatus, command.Reason),
        RemoteCommandKind.AddToGroup or RemoteCommandKind.RemoveFromGroup or RemoteCommandKind.AddUserToGroup or RemoteCommandKind.RemoveUserFromGroup =>
            Names.Problem(command.Group) is null,
        RemoteCommandKind.AddToGroupWithLast =>
            requestId != Guid.Empty && command.CloseStatus is >= 1 and <= IHubLog.MaxLimit && Names.Problem(command.Group) is null,
        RemoteCommandKind.Ask =>
            requestId != Guid.Empty && command.AnswerTimeout > TimeSpan.Zero && command.AnswerTimeout <= ClientQuestions.MaxTimeout,
        RemoteCommandKind.SetProperties =>
            requestId != Guid.Empty && PropertyChange.TryRead(command.Message, out _),
        _ => true,
    };
}

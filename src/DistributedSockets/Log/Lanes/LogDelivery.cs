namespace DistributedSockets;

/// <summary>Delivers entries of a hub's log to the connections of this node that they mean, called by the hub's lane. Never waits.</summary>
internal sealed class LogDelivery(LocalDelivery delivery, LogEntryReader reader, RefusedEnvelopes refused, TimeProvider time)
{
    /// <summary>Delivers one entry. Where nobody is meant it allocates nothing, unless envelopes are sealed.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="payload">What stands in the entry, which frames slice.</param>
    /// <param name="offset">Where the entry stands.</param>
    /// <param name="since">Since when the message has been on its way: a timestamp of the clock.</param>
    /// <returns>The envelope, if the entry holds a proper one: a message, or a gap of the log, which is left to the caller.</returns>
    internal Envelope? Deliver(HubConnections hub, ReadOnlyMemory<byte> payload, long offset, long since)
    {
        var verdict = reader.Read(hub, payload, out var envelope);
        if (verdict != EnvelopeVerdict.Taken)
        {
            refused.Report(verdict, payload, time.GetTimestamp());
            if (verdict == EnvelopeVerdict.NotUnderstood)
            {
                hub.Sessions.FallBehind(); // those who are meant find it in the log, and say so to their clients
            }

            return null;
        }

        if (envelope.Kind == EnvelopeKind.LogGap)
        {
            return envelope;
        }

        if (envelope.Kind == EnvelopeKind.SessionGroups)
        {
            if (envelope.Body().TryReadSessionGroups(out var change))
            {
                hub.Sessions.OnChange(change, offset);
            }
            else
            {
                refused.ReportUndelivered(null);
            }

            return null;
        }

        if (envelope.Kind == EnvelopeKind.SessionEnding)
        {
            if (envelope.Body().TryReadSessionEnding(out var ending))
            {
                hub.Sessions.OnEnding(ending, offset);
            }
            else
            {
                refused.ReportUndelivered(null);
            }

            return null;
        }

        Span<char> scratch = stackalloc char[NameList.ScratchChars]; // names and exclusions are read one after the other
        var names = envelope.Names(scratch);
        if (!HasReceivers(hub, envelope.Target, names))
        {
            return Check(SharedFrame.IsFrame(envelope.Frame.Span, envelope.HasDeflated), envelope);
        }

        if (!SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame, DeliveryTerms.Of(envelope, hub.Options.RecipientFilters, since, time), offset))
        {
            return Check(isFrame: false, envelope);
        }

        using var release = frame;
        var queued = delivery.Enqueue(hub, envelope.Target, names, envelope.Excluded(scratch), frame);
        delivery.Start(queued);
        return envelope;
    }

    private Envelope? Check(bool isFrame, in Envelope envelope)
    {
        if (isFrame)
        {
            return envelope;
        }

        refused.ReportUndelivered(null);
        return null;
    }

    /// <summary>Whether somebody here is meant. Unlike an envelope on the channel of a node, an entry for connections comes to all nodes.</summary>
    private static bool HasReceivers(HubConnections hub, WebSocketTargetKind kind, NameList names)
    {
        if (kind != WebSocketTargetKind.Connections)
        {
            return LocalDelivery.HasReceivers(hub, kind, names);
        }

        foreach (var name in names)
        {
            if (hub.Find(name) is not null)
            {
                return true;
            }
        }

        return false;
    }
}

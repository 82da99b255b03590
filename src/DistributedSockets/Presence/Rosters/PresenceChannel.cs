using System.Buffers;

namespace DistributedSockets;

/// <summary>Tells the rosters of a hub, here and elsewhere. Used by one at a time.</summary>
internal sealed class PresenceChannel(HubConnections hub, BackplanePublisher publisher, EnvelopeWriter writer)
{
    private long _number;

    /// <summary>Tells news. What cannot be published leaves a hole in the numbers, and the rosters read a snapshot.</summary>
    internal async Task TellAsync(PresenceLedger ledger, List<PresenceNews> news, CancellationToken cancellationToken)
    {
        for (var first = 0; first < news.Count; first += PresenceAnnouncement.MaxNews)
        {
            _number++;
            await PublishAsync(ledger, news.GetRange(first, Math.Min(PresenceAnnouncement.MaxNews, news.Count - first)), cancellationToken);
        }
    }

    /// <summary>Repeats how far this node has got.</summary>
    internal Task RepeatAsync(PresenceLedger ledger, CancellationToken cancellationToken) => PublishAsync(ledger, [], cancellationToken);

    /// <summary>Has the rosters read a snapshot, since something may have been written of which nobody is told.</summary>
    internal void Skip() => _number++;

    private async Task PublishAsync(PresenceLedger ledger, List<PresenceNews> news, CancellationToken cancellationToken)
    {
        var announcement = new PresenceAnnouncement { Epoch = ledger.Epoch, IsSettled = ledger.IsSettled, Number = _number, News = news };
        hub.Roster?.OnAnnounced(writer.Origin, announcement); // of what is published the own node hears nothing
        var envelope = writer.WritePresence(announcement, out var length);
        try
        {
            await publisher.PublishAsync(hub.PresenceChannel, envelope.AsMemory(0, length), cancellationToken);
        }
        catch (BackplaneUnavailableException)
        {
            // Counted by the publisher, and noticed by the rosters.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }
}

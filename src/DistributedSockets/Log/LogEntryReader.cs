using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Opens and reads what stands in an entry of a hub's log. What it makes of an entry depends on the entry alone, so all nodes agree on it.</summary>
internal sealed class LogEntryReader(LogEntryOpener opener, EnvelopeKnowledge knowledge, IOptions<DistributedWebSocketsOptions> options)
{
    private readonly int _maxBytes = options.Value.MaxEnvelopeBytes;

    /// <summary>Reads an entry. Allocates nothing unless it is sealed.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="payload">What stands in the entry.</param>
    /// <param name="envelope">A message for clients or a gap of the log, if it is taken.</param>
    internal EnvelopeVerdict Read(HubConnections hub, ReadOnlyMemory<byte> payload, out Envelope envelope)
    {
        envelope = default;
        if (payload.Length > _maxBytes)
        {
            return EnvelopeVerdict.TooLarge;
        }

        if (opener.IsEnabled)
        {
            var opened = opener.Open(hub.LogChannel, payload, out payload);
            if (opened != EnvelopeVerdict.Taken)
            {
                return opened;
            }
        }
        else if (SealedEnvelope.Is(payload.Span))
        {
            return EnvelopeVerdict.NoKeys;
        }

        var verdict = Envelope.Read(payload, knowledge, out envelope, maxNames: LogQuery.MaxTargets);
        return verdict == EnvelopeVerdict.Taken && envelope.Kind is not (EnvelopeKind.Frame or EnvelopeKind.LogGap or EnvelopeKind.SessionGroups or EnvelopeKind.SessionEnding)
            ? EnvelopeVerdict.Unreadable
            : verdict;
    }
}

using System.Buffers.Binary;
using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Opens sealed envelopes of other processes, each once.</summary>
/// <remarks>Only an envelope that is genuine and fresh makes this remember its sender, and only so many senders are remembered.</remarks>
internal sealed class EnvelopeOpener(EnvelopeKeyRing ring, EnvelopeSealer own, IOptions<DistributedWebSocketsOptions> options, EnvelopeKnowledge knowledge, TimeProvider time)
{
    /// <summary>How many senders are remembered. Each takes about 10 KB.</summary>
    internal const int MaxSenders = 1_024;

    private readonly ConcurrentDictionary<(uint Key, UInt128 Sender), SealedSender> _senders = new();
    private readonly Lock _admission = new();

    internal bool IsEnabled => ring.Count > 0;

    internal int SenderCount => _senders.Count;

    /// <summary>Opens an envelope and reads it. Called by several threads at once, but in order for each channel.</summary>
    /// <param name="channel">The channel it came on.</param>
    /// <param name="arrivedAt">When it came, as a timestamp of the clock.</param>
    /// <param name="payload">The sealed envelope, which may be others' memory as well.</param>
    /// <param name="envelope">What was sealed, in memory that is the caller's, if it is taken.</param>
    internal EnvelopeVerdict Open(string channel, long arrivedAt, ReadOnlyMemory<byte> payload, out Envelope envelope)
    {
        envelope = default;
        var bytes = payload.Span;
        if (!SealedEnvelope.Is(bytes))
        {
            return Envelope.Read(payload, knowledge, out _) == EnvelopeVerdict.Unreadable ? EnvelopeVerdict.Unreadable : EnvelopeVerdict.NotSealed;
        }

        if (own.IsOwn(bytes))
        {
            return EnvelopeVerdict.OwnEcho;
        }

        if (ring.Find(SealedEnvelope.KeyId(bytes)) is not { } key)
        {
            return EnvelopeVerdict.UnknownKey;
        }

        var id = (key.Id, BinaryPrimitives.ReadUInt128BigEndian(SealedEnvelope.SenderId(bytes)));
        if (_senders.TryGetValue(id, out var sender))
        {
            return Open(sender, isNew: false, channel, arrivedAt, bytes, out envelope);
        }

        var newcomer = new SealedSender(key.ForSender(SealedEnvelope.SenderId(bytes)), options.Value.EnvelopeMaxAge, time);
        var verdict = Open(newcomer, isNew: true, channel, arrivedAt, bytes, out envelope);
        if (verdict != EnvelopeVerdict.Taken)
        {
            newcomer.Dispose(); // at once: whoever can publish can make this happen
            return verdict;
        }

        sender = Admit(id, newcomer);
        if (ReferenceEquals(sender, newcomer))
        {
            return EnvelopeVerdict.Taken;
        }

        // Another envelope of it came at the same moment on another channel and was quicker; what that one made known counts.
        newcomer.Dispose();
        return Open(sender, isNew: false, channel, arrivedAt, bytes, out envelope);
    }

    private EnvelopeVerdict Open(
        SealedSender sender, bool isNew, string channel, long arrivedAt, ReadOnlySpan<byte> payload, out Envelope envelope)
    {
        envelope = default;
        var (counter, stamp) = (SealedEnvelope.Counter(payload), SealedEnvelope.Stamp(payload));
        if (sender.Decrypt(channel, payload) is not { } content)
        {
            return EnvelopeVerdict.NotAuthentic;
        }

        var verdict = counter > 0 ? Envelope.Read(content, knowledge, out envelope) : EnvelopeVerdict.Unreadable;
        if (verdict != EnvelopeVerdict.Taken)
        {
            return verdict;
        }

        return isNew && !sender.IsFresh(stamp) ? EnvelopeVerdict.Stale : sender.Take(counter, stamp, envelope.Origin, arrivedAt);
    }

    /// <summary>Remembers a sender, in place of the one not heard for longest if there are too many. Returns the one that is remembered.</summary>
    private SealedSender Admit((uint Key, UInt128 Sender) id, SealedSender newcomer)
    {
        lock (_admission)
        {
            if (_senders.TryGetValue(id, out var known))
            {
                return known;
            }

            if (_senders.Count >= MaxSenders)
            {
                // Not disposed: it may be opening an envelope just now.
                _senders.TryRemove(_senders.MinBy(static sender => sender.Value.LastTaken).Key, out _);
            }

            _senders[id] = newcomer;
            return newcomer;
        }
    }
}

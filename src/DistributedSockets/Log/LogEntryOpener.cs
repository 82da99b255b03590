using System.Buffers.Binary;
using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Opens what was sealed for a hub's log, as often as it is read.</summary>
/// <remarks>
/// Unlike <see cref="EnvelopeOpener"/> it looks neither at the age of an envelope nor at whether it came before: an entry is read long after it
/// was sealed, and more than once, and it is its offset that tells a repeat. So of a sender only the cipher is remembered.
/// </remarks>
internal sealed class LogEntryOpener(EnvelopeKeyRing ring, EnvelopeKnowledge knowledge, IOptions<DistributedWebSocketsOptions> options, TimeProvider time)
{
    private readonly ConcurrentDictionary<(uint Key, UInt128 Sender), SealedSender> _senders = new();

    internal bool IsEnabled => ring.Count > 0;

    /// <summary>Opens an entry.</summary>
    /// <param name="channel">What it was sealed for.</param>
    /// <param name="payload">The sealed envelope.</param>
    /// <param name="content">What was sealed, if it is taken.</param>
    internal EnvelopeVerdict Open(string channel, ReadOnlyMemory<byte> payload, out ReadOnlyMemory<byte> content)
    {
        content = default;
        var bytes = payload.Span;
        if (!SealedEnvelope.Is(bytes))
        {
            return Envelope.Read(payload, knowledge, out _, LogQuery.MaxTargets) == EnvelopeVerdict.Unreadable ? EnvelopeVerdict.Unreadable : EnvelopeVerdict.NotSealed;
        }

        if (ring.Find(SealedEnvelope.KeyId(bytes)) is not { } key)
        {
            return EnvelopeVerdict.UnknownKey;
        }

        var id = (key.Id, BinaryPrimitives.ReadUInt128BigEndian(SealedEnvelope.SenderId(bytes)));
        var isKnown = _senders.TryGetValue(id, out var sender);
        sender ??= new(key.ForSender(SealedEnvelope.SenderId(bytes)), options.Value.EnvelopeMaxAge, time);
        var opened = sender.Decrypt(channel, bytes);
        if (opened is null)
        {
            if (!isKnown)
            {
                sender.Dispose(); // at once: whoever can append can make this happen
            }

            return EnvelopeVerdict.NotAuthentic;
        }

        if (!isKnown)
        {
            Remember(id, sender);
        }

        content = opened;
        return EnvelopeVerdict.Taken;
    }

    /// <summary>Remembers a sender whose envelope was genuine. If there are too many, all are forgotten: those that are needed come back with their next entry.</summary>
    private void Remember((uint Key, UInt128 Sender) id, SealedSender sender)
    {
        if (_senders.Count >= EnvelopeOpener.MaxSenders)
        {
            _senders.Clear(); // not disposed: they may be opening an entry just now
        }

        _senders[id] = sender;
    }
}

using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Extensions.ObjectPool;

namespace DistributedSockets;

/// <summary>Seals what this process publishes, where <see cref="DistributedWebSocketsOptions.EnvelopeKeys"/> are set.</summary>
/// <remarks>
/// The key is this process's own, derived from the cluster's with a random id. So a counter is enough for nonces that never repeat, and
/// threads share it without a lock. A process has one key for as long as it lives.
/// </remarks>
internal sealed class EnvelopeSealer
{
    private readonly EnvelopeKey? _key;
    private readonly byte[] _senderId;
    private readonly ObjectPool<AesGcm> _ciphers;
    private readonly TimeProvider _time;
    private long _counter;

    public EnvelopeSealer(EnvelopeKeyRing ring, TimeProvider time)
        : this(ring.Sealing, RandomNumberGenerator.GetBytes(SealedEnvelope.SenderIdBytes), 0, time)
    {
    }

    internal EnvelopeSealer(EnvelopeKey? key, byte[] senderId, long lastCounter, TimeProvider time)
    {
        _key = key;
        _senderId = senderId;
        _counter = lastCounter;
        _time = time;

        // One for each processor is all that can work at once.
        _ciphers = new DefaultObjectPoolProvider { MaximumRetained = Environment.ProcessorCount }.Create(new Ciphers(key, senderId));
    }

    internal bool IsEnabled => _key is not null;

    /// <summary>The id of the key that seals.</summary>
    internal uint KeyId => _key?.Id ?? 0;

    /// <summary>Whether this process has sealed an envelope, or somebody made it look so.</summary>
    internal bool IsOwn(ReadOnlySpan<byte> sealedEnvelope) => SealedEnvelope.SenderId(sealedEnvelope).SequenceEqual(_senderId);

    /// <summary>Seals an envelope for a channel, into an array of the shared pool that is the caller's now.</summary>
    /// <exception cref="InvalidOperationException">The counter is used up.</exception>
    internal byte[] Seal(string channel, ReadOnlySpan<byte> envelope, out int length)
    {
        var counter = Interlocked.Increment(ref _counter);
        if (counter <= 0)
        {
            throw new InvalidOperationException("This process has sealed as many envelopes as it may. Restart it.");
        }

        length = envelope.Length + SealedEnvelope.OverheadBytes;
        var array = ArrayPool<byte>.Shared.Rent(length);
        SealedEnvelope.WriteHeader(array, KeyId, _senderId, counter, _time.GetUtcNow().ToUnixTimeMilliseconds());
        Span<byte> nonce = stackalloc byte[SealedEnvelope.NonceBytes];
        SealedEnvelope.WriteNonce(array, nonce);
        Span<byte> associated = stackalloc byte[SealedEnvelope.MaxAssociatedBytes];
        if (!SealedEnvelope.TryWriteAssociatedData(array, channel, ref associated))
        {
            throw new ArgumentException($"A channel has more than 1,024 bytes: {channel}", nameof(channel));
        }

        var cipher = _ciphers.Get();
        cipher.Encrypt(
            nonce,
            envelope,
            array.AsSpan(SealedEnvelope.HeaderBytes, envelope.Length),
            array.AsSpan(SealedEnvelope.HeaderBytes + envelope.Length, SealedEnvelope.TagBytes),
            associated);
        _ciphers.Return(cipher);
        return array;
    }

    private sealed class Ciphers(EnvelopeKey? key, byte[] senderId) : PooledObjectPolicy<AesGcm>
    {
        public override AesGcm Create() => key?.ForSender(senderId) ?? throw new InvalidOperationException("There is no key to seal with.");

        public override bool Return(AesGcm obj) => true;
    }
}

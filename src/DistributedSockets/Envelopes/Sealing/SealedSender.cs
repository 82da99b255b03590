using System.Security.Cryptography;

namespace DistributedSockets;

/// <summary>A process that seals envelopes: its cipher, and which of its envelopes have been taken.</summary>
internal sealed class SealedSender(AesGcm cipher, TimeSpan maxAge, TimeProvider time) : IDisposable
{
    private readonly long _maxAge = (long)maxAge.TotalMilliseconds;
    private readonly Lock _gate = new();
    private ReplayWindow? _window;
    private byte[] _origin = [];
    private long _first;
    private long _newestStamp;
    private long _lastTaken;

    /// <summary>When an envelope of it was last taken, as a timestamp of the clock.</summary>
    internal long LastTaken => Volatile.Read(ref _lastTaken);

    public void Dispose() => cipher.Dispose();

    /// <summary>Whether an envelope was sealed lately, if this node's clock and the sender's are right.</summary>
    internal bool IsFresh(long stamp) => IsNear(stamp, time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Decrypts an envelope of this sender, or gives null if it is not genuine.</summary>
    internal byte[]? Decrypt(string channel, ReadOnlySpan<byte> envelope)
    {
        Span<byte> nonce = stackalloc byte[SealedEnvelope.NonceBytes];
        SealedEnvelope.WriteNonce(envelope, nonce);
        Span<byte> associated = stackalloc byte[SealedEnvelope.MaxAssociatedBytes];
        if (!SealedEnvelope.TryWriteAssociatedData(envelope, channel, ref associated))
        {
            return null;
        }

        var content = GC.AllocateUninitializedArray<byte>(envelope.Length - SealedEnvelope.OverheadBytes);
        try
        {
            lock (_gate)
            {
                cipher.Decrypt(nonce, envelope[SealedEnvelope.HeaderBytes..^SealedEnvelope.TagBytes], envelope[^SealedEnvelope.TagBytes..], content, associated);
            }

            return content;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <summary>Takes a genuine envelope, once.</summary>
    /// <param name="counter">Its counter, above 0.</param>
    /// <param name="stamp">When it was sealed.</param>
    /// <param name="origin">The node that it names inside.</param>
    /// <param name="arrivedAt">When it arrived, as a timestamp of the clock.</param>
    /// <remarks>
    /// The sender's clock may be wrong, so its stamps are compared with each other, and only for an envelope that was overtaken: without that,
    /// one that somebody held back could be delivered hours later. What was sealed before the first that this node heard of the sender must be fresh,
    /// as that had to be: nobody knows whether it was taken by this node before the sender was forgotten.
    /// </remarks>
    internal EnvelopeVerdict Take(long counter, long stamp, ReadOnlySpan<byte> origin, long arrivedAt)
    {
        lock (_gate)
        {
            if (_window is null)
            {
                _window = new(counter);
                _origin = origin.ToArray();
                _first = counter;
                _newestStamp = stamp;
            }
            else if (!origin.SequenceEqual(_origin))
            {
                return EnvelopeVerdict.NotAuthentic;
            }
            else if (_window.IsBehind(counter))
            {
                return EnvelopeVerdict.Late;
            }
            else if (_window.Contains(counter))
            {
                return EnvelopeVerdict.Replayed;
            }
            else if (counter > _window.Newest)
            {
                _newestStamp = stamp;
            }
            else if (!IsNear(stamp, _newestStamp) || (counter < _first && !IsFresh(stamp)))
            {
                return EnvelopeVerdict.Late;
            }

            _window.Add(counter);
            Volatile.Write(ref _lastTaken, arrivedAt);
            return EnvelopeVerdict.Taken;
        }
    }

    private bool IsNear(long stamp, long other) => unchecked(stamp - other) is var difference && difference >= -_maxAge && difference <= _maxAge;
}

using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

/// <summary>Keys for sealing envelopes, and what is made of them.</summary>
internal static class TestKeys
{
    internal static string Create() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    internal static IOptions<DistributedWebSocketsOptions> Options(TimeSpan maxAge, params IEnumerable<string> keys)
    {
        var options = new DistributedWebSocketsOptions { EnvelopeMaxAge = maxAge };
        foreach (var key in keys)
        {
            options.EnvelopeKeys.Add(key);
        }

        return Microsoft.Extensions.Options.Options.Create(options);
    }

    internal static EnvelopeKeyRing Ring(params IEnumerable<string> keys) => new(Options(TimeSpan.FromMinutes(5), keys));

    /// <summary>A process of its own that seals with a key.</summary>
    internal static EnvelopeSealer Sealer(string key, TimeProvider time) => new(Ring(key), time);

    /// <summary>Seals with a counter and a time that no process of ours would use; whoever has the key can.</summary>
    internal static byte[] Seal(string key, long counter, long stamp, string channel, byte[] plain)
    {
        var sealing = EnvelopeKey.TryParse(key) ?? throw new ArgumentException("This is no key.", nameof(key));
        var sender = new byte[SealedEnvelope.SenderIdBytes];
        var envelope = new byte[plain.Length + SealedEnvelope.OverheadBytes];
        SealedEnvelope.WriteHeader(envelope, sealing.Id, sender, counter, stamp);
        using var cipher = sealing.ForSender(sender);
        cipher.Encrypt(
            envelope.AsSpan(SealedEnvelope.HeaderBytes - 16, SealedEnvelope.NonceBytes),
            plain,
            envelope.AsSpan(SealedEnvelope.HeaderBytes, plain.Length),
            envelope.AsSpan(^SealedEnvelope.TagBytes..),
            [.. envelope[..SealedEnvelope.HeaderBytes], .. Encoding.UTF8.GetBytes(channel)]);
        return envelope;
    }

    /// <summary>A node of its own that opens with some keys.</summary>
    internal static EnvelopeOpener Opener(TimeSpan maxAge, TimeProvider time, params IEnumerable<string> keys)
    {
        var options = Options(maxAge, keys);
        var ring = new EnvelopeKeyRing(options);
        return new(ring, new(ring, time), options, EnvelopeKnowledge.Current, time);
    }
}

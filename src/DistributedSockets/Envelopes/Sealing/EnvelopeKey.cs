using System.Buffers.Binary;
using System.Security.Cryptography;

namespace DistributedSockets;

/// <summary>One of the cluster's keys. It encrypts nothing itself: every sender has a key of its own, derived from it.</summary>
internal sealed class EnvelopeKey
{
    private const int SecretBytes = 32;

    private readonly byte[] _secret;

    private EnvelopeKey(byte[] secret)
    {
        _secret = secret;
        Span<byte> id = stackalloc byte[sizeof(uint)];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, id, [], "distributed-sockets v1 sealed envelope key id"u8);
        Id = BinaryPrimitives.ReadUInt32BigEndian(id);
    }

    /// <summary>Tells keys apart without telling anything about them.</summary>
    internal uint Id { get; }

    /// <summary>Reads a key, or gives null if it is none.</summary>
    internal static EnvelopeKey? TryParse(string? base64)
    {
        var secret = new byte[SecretBytes];
        return base64 is not null && Convert.TryFromBase64String(base64, secret, out var length) && length == SecretBytes ? new(secret) : null;
    }

    /// <summary>Whether it is the same key, or one that cannot be told from it.</summary>
    internal bool IsLike(EnvelopeKey other) => Id == other.Id;

    /// <summary>The cipher of one sender. Not for several threads at once.</summary>
    internal AesGcm ForSender(ReadOnlySpan<byte> senderId)
    {
        Span<byte> key = stackalloc byte[SecretBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _secret, key, senderId, "distributed-sockets v1 sealed envelope sender"u8);
        var cipher = new AesGcm(key, SealedEnvelope.TagBytes);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }
}

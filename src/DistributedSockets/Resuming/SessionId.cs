using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets;

/// <summary>The ids and tokens of sessions that can be resumed. An id is an address and names no node; a token is a secret.</summary>
internal static class SessionId
{
    /// <summary>How long an id is: 128 random bits, without the dot that stands behind the node in the id of any other connection.</summary>
    internal const int Length = 22;

    /// <summary>How long a token is: 256 random bits.</summary>
    internal const int TokenLength = 43;

    private const int IdBytes = 16;
    private const int TokenBytes = 32;

    private static readonly SearchValues<char> s_plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    internal static string Create() => Random(IdBytes);

    /// <summary>Whether something is the id of a session, rather than that of another connection.</summary>
    internal static bool Is(ReadOnlySpan<char> id) => id.Length == Length && !id.ContainsAnyExcept(s_plain);

    internal static string CreateToken() => Random(TokenBytes);

    /// <summary>What is kept of a token. It has as many random bits as the digest, so nobody finds it by trying.</summary>
    internal static byte[] DigestOf(ReadOnlySpan<char> token)
    {
        Span<byte> bytes = stackalloc byte[TokenLength];
        return token.Length == TokenLength && Ascii.FromUtf16(token, bytes, out var count) == OperationStatus.Done
            ? SHA256.HashData(bytes[..count])
            : [];
    }

    /// <summary>Whether a token is the one of a digest; takes the same time whatever differs.</summary>
    internal static bool IsTokenOf(ReadOnlySpan<char> token, ReadOnlySpan<byte> digest) =>
        digest.Length == SessionCheckpoint.DigestBytes && CryptographicOperations.FixedTimeEquals(DigestOf(token), digest);

    /// <summary>A version for a record: any number but 0.</summary>
    internal static long CreateVersion()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        long version;
        do
        {
            RandomNumberGenerator.Fill(bytes);
            version = BitConverter.ToInt64(bytes);
        }
        while (version == 0);

        return version;
    }

    private static string Random(int count)
    {
        Span<byte> bytes = stackalloc byte[TokenBytes];
        bytes = bytes[..count];
        RandomNumberGenerator.Fill(bytes);
        return Base64Url.EncodeToString(bytes);
    }
}

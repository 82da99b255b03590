using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets;

/// <summary>What an app is given to ask for the next page with: a position of the session store, and a check that it belongs to the query.</summary>
/// <remarks>It keeps mistakes away, not forgers: whoever asks may see all pages anyhow.</remarks>
internal static class PageToken
{
    private const byte Version = 1;
    private const int CheckBytes = 8;
    private const int HeaderBytes = 1 + CheckBytes;
    private const int MaxPositionBytes = 1_024;
    private const int MaxLength = 2_048;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    internal static string Key(SessionQuery query) => Key("sessions", query.Hub, query.UserId, query.Group, query.NodeId);

    internal static string Key(GroupQuery query) => Key("groups", query.Hub, query.Order.ToString(), query.Prefix);

    /// <param name="queryKey">The query, as a text that no other query has.</param>
    /// <param name="position">What the store gave; null for the end.</param>
    internal static string? Write(string queryKey, string? position)
    {
        if (position is null)
        {
            return null;
        }

        var bytes = s_strict.GetBytes(position);
        if (bytes.Length > MaxPositionBytes)
        {
            throw new InvalidOperationException(
                $"The session store gave a continuation token of {bytes.Length} bytes; it may have {MaxPositionBytes}. This is a mistake of the session store.");
        }

        var token = new byte[HeaderBytes + bytes.Length];
        token[0] = Version;
        Check(queryKey, bytes, token.AsSpan(1, CheckBytes));
        bytes.CopyTo(token.AsSpan(HeaderBytes));
        return Base64Url.EncodeToString(token);
    }

    /// <returns>What the store gave.</returns>
    /// <exception cref="ArgumentException">It is no token, or one of another query.</exception>
    internal static string? Read(string queryKey, string? token, string parameter)
    {
        if (token is null)
        {
            return null;
        }

        if (token.Length > MaxLength || !Base64Url.IsValid(token) || Base64Url.DecodeFromChars(token) is not [Version, ..] bytes || bytes.Length < HeaderBytes)
        {
            throw new ArgumentException(
                "This is no continuation token. Give back what the page before had, unchanged, or null to begin.", parameter);
        }

        Span<byte> check = stackalloc byte[CheckBytes];
        var position = bytes.AsSpan(HeaderBytes);
        Check(queryKey, position, check);
        if (!check.SequenceEqual(bytes.AsSpan(1, CheckBytes)))
        {
            throw new ArgumentException(
                "This continuation token belongs to another query, or was changed. Give it back with the query of its page, or null to begin.", parameter);
        }

        return s_strict.GetString(position); // it was text when it was checked
    }

    // Lengths in front, so that no two queries have one text.
    private static string Key(params ReadOnlySpan<string?> parts)
    {
        var key = new StringBuilder();
        foreach (var part in parts)
        {
            key.Append(part?.Length ?? -1).Append(':').Append(part);
        }

        return key.ToString();
    }

    private static void Check(string queryKey, ReadOnlySpan<byte> position, Span<byte> check)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(queryKey));
        hash.AppendData([0]);
        hash.AppendData(position);
        hash.GetHashAndReset().AsSpan(0, CheckBytes).CopyTo(check);
    }
}

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets;

/// <summary>Writes any name as one token of a key-value key, different names as different tokens.</summary>
/// <remarks>
/// Letters, digits, hyphen and underscore stand for themselves, every other byte of the UTF-8 is <c>=</c> and two digits. What gets too
/// long for a readable key is <c>=h</c> and its SHA-256; the records hold the names themselves.
/// </remarks>
internal static class NatsKeyToken
{
    /// <summary>A token longer than this is replaced by a hash.</summary>
    internal const int MaxLength = 64;

    private const string Hashed = "=h";

    private const string Digits = "0123456789ABCDEF";

    public static string Encode(string name)
    {
        if (name.Length <= MaxLength && !name.AsSpan().ContainsAnyExcept(NatsSessionKeys.PlainCharacters))
        {
            return name;
        }

        var bytes = Encoding.UTF8.GetBytes(name);
        var token = new StringBuilder(MaxLength);
        foreach (var one in bytes)
        {
            if (NatsSessionKeys.PlainCharacters.Contains((char)one))
            {
                token.Append((char)one);
            }
            else
            {
                token.Append('=').Append(Digits[one >> 4]).Append(Digits[one & 0xF]);
            }

            if (token.Length > MaxLength)
            {
                return Hashed + Base64Url.EncodeToString(SHA256.HashData(bytes));
            }
        }

        return token.ToString();
    }

    /// <summary>The name that a token stands for; null for one that is hashed, or no token.</summary>
    public static string? Decode(string token)
    {
        if (!token.Contains('=', StringComparison.Ordinal))
        {
            return token;
        }

        if (token.StartsWith(Hashed, StringComparison.Ordinal))
        {
            return null;
        }

        var bytes = new List<byte>(token.Length);
        for (var i = 0; i < token.Length; i++)
        {
            if (token[i] != '=')
            {
                bytes.Add((byte)token[i]);
            }
            else if (i + 2 < token.Length && Digits.IndexOf(token[i + 1]) is >= 0 and var high && Digits.IndexOf(token[i + 2]) is >= 0 and var low)
            {
                bytes.Add((byte)((high << 4) | low));
                i += 2;
            }
            else
            {
                return null;
            }
        }

        var name = Encoding.UTF8.GetString([.. bytes]);
        return Encode(name) == token ? name : null;
    }
}

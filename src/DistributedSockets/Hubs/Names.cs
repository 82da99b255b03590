using System.Text;

namespace DistributedSockets;

/// <summary>The form of user ids, group names and conflation keys: 1 to 256 bytes of UTF-8.</summary>
internal static class Names
{
    internal const int MaxBytes = 256;

    // Strict: a lone surrogate would become U+FFFD, and two different names one channel.
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    internal static void Check(string name, string parameter)
    {
        ArgumentNullException.ThrowIfNull(name, parameter);
        if (Problem(name) is { } problem)
        {
            throw new ArgumentException(problem, parameter);
        }
    }

    /// <summary>What is wrong with a name, or null.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it is called in the answer.</param>
    internal static string? Problem(string name, string what = "A user id or group name")
    {
        if (name.Length == 0)
        {
            return $"{what} is empty. It has 1 to 256 bytes of UTF-8.";
        }

        var bytes = CountBytes(name);
        return bytes switch
        {
            < 0 => $"{what} contains half of a surrogate pair, which UTF-8 cannot express.",
            > MaxBytes => $"{what} has {bytes} bytes of UTF-8; it may have {MaxBytes}. Shorten it.",
            _ => null,
        };
    }

    /// <summary>The length of a text in UTF-8, or −1 if it has none.</summary>
    internal static int CountBytes(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return Encoding.UTF8.GetByteCount(text);
        }

        try
        {
            return s_strict.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            return -1;
        }
    }
}

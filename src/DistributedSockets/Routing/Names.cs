using System.Text;

namespace DistributedSockets;

/// <summary>The form of user ids and group names: 1 to 256 bytes of UTF-8.</summary>
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
    internal static string? Problem(string name)
    {
        if (name.Length == 0)
        {
            return "A user id or group name is empty. It has 1 to 256 bytes of UTF-8.";
        }

        try
        {
            if (name.Length <= MaxBytes / 3 && !name.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            {
                return null;
            }

            var bytes = s_strict.GetByteCount(name);
            return bytes <= MaxBytes ? null : $"A user id or group name has {bytes} bytes of UTF-8; it may have {MaxBytes}. Shorten it.";
        }
        catch (EncoderFallbackException)
        {
            return "A user id or group name contains half of a surrogate pair, which UTF-8 cannot express.";
        }
    }
}

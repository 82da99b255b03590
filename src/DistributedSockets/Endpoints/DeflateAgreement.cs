using Microsoft.Extensions.Primitives;

namespace DistributedSockets;

/// <summary>Reads what was agreed about permessage-deflate from the answer to the handshake (RFC 7692 §7).</summary>
internal static class DeflateAgreement
{
    /// <summary>The window that the platform compresses with, as a power of two.</summary>
    private const string WindowBits = "15";

    /// <summary>Whether a client takes frames that were compressed for all: without context, and with the largest window.</summary>
    /// <param name="extensions">The header <c>Sec-WebSocket-Extensions</c> of the answer.</param>
    internal static bool TakesSharedFrames(StringValues extensions)
    {
        foreach (var line in extensions)
        {
            var list = line.AsSpan();
            foreach (var extension in list.Split(','))
            {
                if (IsSharedDeflate(list[extension]))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsSharedDeflate(ReadOnlySpan<char> extension)
    {
        bool isDeflate = false, withoutContext = false, isFirst = true;
        foreach (var part in extension.Split(';'))
        {
            var parameter = extension[part].Trim();
            if (isFirst)
            {
                isDeflate = Is(parameter, "permessage-deflate");
                isFirst = false;
                continue;
            }

            var equals = parameter.IndexOf('=');
            var name = equals < 0 ? parameter : parameter[..equals].TrimEnd();
            if (Is(name, "server_no_context_takeover"))
            {
                withoutContext = true;
            }
            else if (Is(name, "server_max_window_bits") && (equals < 0 || !parameter[(equals + 1)..].Trim().Trim('"').SequenceEqual(WindowBits)))
            {
                return false;
            }
        }

        return isDeflate && withoutContext;
    }

    private static bool Is(ReadOnlySpan<char> token, string expected) => token.Equals(expected, StringComparison.OrdinalIgnoreCase);
}

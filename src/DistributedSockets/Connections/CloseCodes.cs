using System.Net.WebSockets;

namespace DistributedSockets;

internal static class CloseCodes
{
    /// <summary>The longest reason a close frame can carry: a control frame holds 125 bytes, the code takes two (RFC 6455 §5.5).</summary>
    internal const int MaxReasonBytes = 123;

    /// <summary>1013, of IANA's registry: the same may succeed later.</summary>
    internal const WebSocketCloseStatus TryAgainLater = (WebSocketCloseStatus)1013;

    internal static bool IsValid(int status, string reason) => IsValid(status) && Names.CountBytes(reason) is >= 0 and <= MaxReasonBytes;

    /// <summary>Refuses what may not be sent in a close frame (RFC 6455 §7.4).</summary>
    internal static void Check(WebSocketCloseStatus status, string? reason)
    {
        if (!IsValid((int)status))
        {
            throw new ArgumentOutOfRangeException(
                nameof(status), (int)status, "A server may close with 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455 section 7.4). For your own meaning take 4000 to 4999.");
        }

        if (reason is null)
        {
            return;
        }

        var bytes = Names.CountBytes(reason);
        if (bytes < 0)
        {
            throw new ArgumentException("The close reason contains half of a surrogate pair, which UTF-8 cannot express.", nameof(reason));
        }

        if (bytes > MaxReasonBytes)
        {
            throw new ArgumentException($"The close reason has {bytes} bytes of UTF-8; a close frame holds {MaxReasonBytes}. Shorten it.", nameof(reason));
        }
    }
    private static bool IsValid(int status) => status is 1000 or 1001 or 1003 or (>= 1007 and <= 1014) or (>= 3000 and <= 4999);
}

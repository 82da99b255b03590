using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>Checks what names and filters callers of the REST interface use.</summary>
internal static class RestNames
{
    private const int MaxCoreBytes = 256;
    private const int MaxConnectionIdLength = 128;
    private const int MaxFilterBytes = 16_384;
    private const int MaxReasonBytes = 123; // what a close frame has room for

    /// <summary>The name within of a group.</summary>
    /// <exception cref="RestException">The name is none.</exception>
    internal static string Group(string group, string target = "group") =>
        GroupNames.IsValid(group) ? GroupNames.ToCore(group)
        : throw RestException.BadRequest($"The name of a group has 1 to {GroupNames.MaxLength} characters that are not all white space.", target);

    /// <exception cref="RestException">The id is none.</exception>
    internal static string User(string userId) =>
        userId.Length > 0 && Encoding.UTF8.GetByteCount(userId) <= MaxCoreBytes ? userId
        : throw RestException.BadRequest($"The id of a user has 1 to {MaxCoreBytes} bytes of UTF-8.", "userId");

    /// <summary>Whether a connection can have this id.</summary>
    internal static bool CanBeConnection(string connectionId) => connectionId.Length is > 0 and <= MaxConnectionIdLength;

    /// <exception cref="RestException">It is no filter.</exception>
    internal static RecipientFilter ParseFilter(string filter)
    {
        if (Encoding.UTF8.GetByteCount(filter) > MaxFilterBytes)
        {
            throw RestException.BadRequest($"The filter has more than {MaxFilterBytes} bytes. To reach many connections, put them into a group.", "filter");
        }

        try
        {
            return RecipientFilter.Parse(filter);
        }
        catch (FormatException exception)
        {
            throw RestException.BadRequest(exception.Message, "filter");
        }
    }

    /// <summary>As much of a reason as a close frame has room for.</summary>
    internal static string? Reason(string? reason)
    {
        if (reason is null || Encoding.UTF8.GetByteCount(reason) <= MaxReasonBytes)
        {
            return reason;
        }

        var (length, bytes) = (0, 0);
        foreach (var rune in reason.EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > MaxReasonBytes)
            {
                break;
            }

            length += rune.Utf16SequenceLength;
        }

        return reason[..length];
    }
}

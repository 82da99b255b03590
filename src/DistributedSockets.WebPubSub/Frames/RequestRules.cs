using System.Text.RegularExpressions;

namespace DistributedSockets.WebPubSub;

/// <summary>What the parts of a client's request may be, in every protocol.</summary>
internal static partial class RequestRules
{
    internal const int MaxInvocationIdLength = 256;

    private const ulong MaxTtlSeconds = 300;
    private const int MaxMetadataBytes = 8 * 1024;
    private const int MaxMetadataKeyBytes = 256;
    private const int MaxMetadataValueBytes = 1024;

    /// <exception cref="BadFrameException">It is no name of a group.</exception>
    internal static string Group(string? group) => group is not null && GroupNames.IsValid(group)
        ? group
        : throw new BadFrameException("The name of a group has 1 to 1,024 characters, not all of them white space.");

    /// <exception cref="BadFrameException">It is no name of an event.</exception>
    internal static string Event(string? name) => name is not null && EventName().IsMatch(name)
        ? name
        : throw new BadFrameException("The name of an event is a letter, and up to 127 letters, digits, dots, hyphens or underscores behind it.");

    /// <exception cref="BadFrameException">It is no id of an invocation.</exception>
    internal static string InvocationId(string? id) => id is { Length: > 0 and <= MaxInvocationIdLength }
        ? id
        : throw new BadFrameException("The id of an invocation has 1 to 256 characters.");

    /// <exception cref="BadFrameException">It is too long.</exception>
    internal static TimeSpan? TimeToLive(ulong seconds) => seconds switch
    {
        0 => null,
        <= MaxTtlSeconds => TimeSpan.FromSeconds(seconds),
        _ => throw new BadFrameException("ttlSeconds is 0 to 300."),
    };

    /// <summary>Adds a pair to metadata.</summary>
    /// <param name="pairs">The pairs so far; made for the first one.</param>
    /// <param name="key">A token of HTTP.</param>
    /// <param name="value">Text of ASCII.</param>
    /// <param name="bytes">The bytes of all so far.</param>
    /// <exception cref="BadFrameException">It has another form, or there is too much.</exception>
    internal static void AddMetadata(ref Dictionary<string, string>? pairs, string key, string value, ref int bytes)
    {
        bytes += key.Length + value.Length;
        if (key.Length is 0 or > MaxMetadataKeyBytes || value.Length > MaxMetadataValueBytes || bytes > MaxMetadataBytes
            || !MetadataKey().IsMatch(key) || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new BadFrameException("The keys of metadata are tokens of at most 256 characters, its values printable ASCII of at most 1,024; all together have at most 8,192.");
        }

        (pairs ??= new(StringComparer.Ordinal))[key] = value;
    }

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_.\-]{0,127}\z")]
    private static partial Regex EventName();

    [GeneratedRegex(@"\A[A-Za-z0-9!#$%&'*+.^_`|~\-]+\z")]
    private static partial Regex MetadataKey();
}

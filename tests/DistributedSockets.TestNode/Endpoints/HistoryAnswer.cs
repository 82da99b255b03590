namespace DistributedSockets.TestNode;

/// <summary>A page of what was logged, as JSON. Positions are epoch and offset with a hyphen between.</summary>
/// <param name="Messages">The messages, oldest first.</param>
/// <param name="After">Behind which position the page begins.</param>
/// <param name="UpTo">Up to which position it goes.</param>
/// <param name="HasMore">Whether there is more, behind or before.</param>
/// <param name="Gap">Why messages are missing: <c>Removed</c>, <c>OtherEpoch</c> or <c>BeyondEnd</c>; not there if none are.</param>
/// <param name="GapUpTo">Up to which position they may be missing.</param>
internal sealed record HistoryAnswer(HistoryMessage[] Messages, string After, string UpTo, bool HasMore, string? Gap, string? GapUpTo)
{
    public static HistoryAnswer Of(LoggedMessages page) => new(
        [.. page.Messages.Select(HistoryMessage.Of)], $"{page.After}", $"{page.UpTo}", page.HasMore, page.Gap is { } gap ? $"{gap.Cause}" : null, page.Gap is { UpTo: var upTo } ? $"{upTo}" : null);
}

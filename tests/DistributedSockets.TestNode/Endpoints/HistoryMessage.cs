namespace DistributedSockets.TestNode;

/// <summary>A message that was logged, as JSON.</summary>
/// <param name="Position">Where it stands.</param>
/// <param name="LoggedAt">When, by the clock of the log.</param>
/// <param name="Text">A text message.</param>
/// <param name="Binary">A binary message, in base64.</param>
internal sealed record HistoryMessage(string Position, DateTimeOffset LoggedAt, string? Text, byte[]? Binary)
{
    public static HistoryMessage Of(LoggedMessage logged) => new(
        $"{logged.Position}",
        logged.LoggedAt,
        logged.Message.IsText ? logged.Message.GetText() : null,
        logged.Message.IsText ? null : logged.Message.Data.ToArray());
}

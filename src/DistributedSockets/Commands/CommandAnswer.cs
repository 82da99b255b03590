namespace DistributedSockets;

/// <summary>What came of a command and, of a question to a client, its answer.</summary>
/// <param name="Outcome">What came of it.</param>
/// <param name="Message">The client's answer, if it was asked and has answered. Whoever gets it owns its memory.</param>
internal readonly record struct CommandAnswer(RemoteCommandOutcome Outcome, WebSocketMessage? Message = null)
{
    public static implicit operator CommandAnswer(RemoteCommandOutcome outcome) => new(outcome);
}

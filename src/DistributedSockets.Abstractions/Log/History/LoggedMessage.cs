namespace DistributedSockets;

/// <summary>A message that a hub has logged.</summary>
public readonly struct LoggedMessage
{
    /// <summary>Where it stands.</summary>
    public required LogPosition Position { get; init; }

    /// <summary>When it was logged, by the clock of the log.</summary>
    public required DateTimeOffset LoggedAt { get; init; }

    /// <summary>The message. Its memory is never changed.</summary>
    public required WebSocketMessage Message { get; init; }
}

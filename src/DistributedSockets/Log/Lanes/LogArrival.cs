namespace DistributedSockets;

/// <summary>An entry that is on its way through a lane.</summary>
/// <param name="Position">Where it stands.</param>
/// <param name="Entry">The entry.</param>
/// <param name="Since">Since when it has been on its way: a timestamp of the clock.</param>
internal readonly record struct LogArrival(LogPosition Position, LogEntry Entry, long Since)
{
    /// <summary>Whether nothing is missing between a position and this entry, which is behind it.</summary>
    internal bool Follows(in LogPosition position) =>
        Position.Epoch == position.Epoch ? Entry.PreviousOffset <= position.Offset : Entry.PreviousOffset == 0;
}

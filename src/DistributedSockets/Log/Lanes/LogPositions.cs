namespace DistributedSockets;

/// <summary>The order of positions: by epoch, then by offset.</summary>
internal static class LogPositions
{
    extension(in LogPosition position)
    {
        internal bool IsBefore(in LogPosition other) =>
            position.Epoch < other.Epoch || (position.Epoch == other.Epoch && position.Offset < other.Offset);
    }
}

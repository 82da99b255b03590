namespace DistributedSockets;

/// <summary>A place in a hub's log: behind the entry with this offset, in this life of the log.</summary>
/// <param name="epoch">The life of the log.</param>
/// <param name="offset">The offset; 0 for the beginning.</param>
/// <exception cref="ArgumentOutOfRangeException">One of the two is negative.</exception>
public readonly struct LogPosition(long epoch, long offset) : IEquatable<LogPosition>
{
    /// <summary>Which life of the log: 1 or more, larger for each later one; 0 for no log at all.</summary>
    public long Epoch { get; } = epoch >= 0 ? epoch : throw new ArgumentOutOfRangeException(nameof(epoch), epoch, "An epoch is 0 or more.");

    /// <summary>The offset of the last entry before this place; 0 for the beginning.</summary>
    public long Offset { get; } = offset >= 0 ? offset : throw new ArgumentOutOfRangeException(nameof(offset), offset, "An offset is 0 or more.");

    /// <summary>Whether two are the same place.</summary>
    public static bool operator ==(LogPosition left, LogPosition right) => left.Equals(right);

    /// <summary>Whether two are different places.</summary>
    public static bool operator !=(LogPosition left, LogPosition right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(LogPosition other) => Epoch == other.Epoch && Offset == other.Offset;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is LogPosition other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Epoch, Offset);

    /// <summary>The position as text: epoch and offset, joined by a hyphen.</summary>
    public override string ToString() => $"{Epoch}-{Offset}";
}

using System.Text;

namespace DistributedSockets.Testing;

/// <summary>An entry that a log handed over.</summary>
public readonly struct ReceivedLogEntry
{
    /// <summary>The epoch that came with it.</summary>
    public required long Epoch { get; init; }

    /// <summary>The entry.</summary>
    public required LogEntry Entry { get; init; }

    /// <summary>Where it stands.</summary>
    public LogPosition Position => new(Epoch, Entry.Offset);

    /// <inheritdoc/>
    public override string ToString() => $"{Epoch}-{Entry.Offset}: {Encoding.UTF8.GetString(Entry.Payload.Span[..Math.Min(Entry.Payload.Length, 40)])}";
}

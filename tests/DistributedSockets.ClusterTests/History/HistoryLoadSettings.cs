namespace DistributedSockets.ClusterTests;

/// <summary>A load that numbers its messages.</summary>
internal sealed record HistoryLoadSettings
{
    /// <summary>Decides who sends what to whom; a run with the same seed does the same.</summary>
    public required int Seed { get; init; }

    public int Clients { get; init; } = 40;

    /// <summary>Whether the nodes log what is sent to users and groups.</summary>
    public bool Logged { get; init; }

    /// <summary>How many of the clients have a session that they resume whenever their connection ends.</summary>
    public int Resuming { get; init; }

    /// <summary>How many of those cut their connection themselves every second or so, and come back to the next node.</summary>
    public int Blinking { get; init; }

    /// <summary>Sends of all clients together.</summary>
    public int SendsPerSecond { get; init; } = 200;

    /// <summary>The longest padding behind what a message must hold, in bytes.</summary>
    public int MaxPadding { get; init; } = 256;

    /// <summary>How long a message may be on its way.</summary>
    public TimeSpan Transit { get; init; } = TimeSpan.FromSeconds(2);
}

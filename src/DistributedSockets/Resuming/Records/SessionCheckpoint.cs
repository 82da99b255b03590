using System.Collections.ObjectModel;

namespace DistributedSockets;

/// <summary>What the record of a session holds: enough for any node to go on with the session, since what the session must get behind its position stands in the log.</summary>
internal sealed record SessionCheckpoint
{
    /// <summary>How long a token's digest is.</summary>
    internal const int DigestBytes = 32;

    /// <summary>The longest id of a client's message, in bytes of ASCII.</summary>
    internal const int MaxMessageIdBytes = 64;

    /// <summary>The node that owns the session.</summary>
    internal required string Owner { get; init; }

    /// <summary>Behind which entry of the log the session goes on.</summary>
    internal required LogPosition Position { get; init; }

    /// <summary>The number that stands for the position: the client has all messages up to it.</summary>
    internal required long Number { get; init; }

    /// <summary>The digest of the token with which the session is resumed. The token itself is kept nowhere.</summary>
    internal required ReadOnlyMemory<byte> TokenDigest { get; init; }

    /// <summary>The user, if known.</summary>
    internal string? UserId { get; init; }

    /// <summary>When the session began.</summary>
    internal DateTimeOffset ConnectedAt { get; init; }

    /// <summary>The groups at the position.</summary>
    internal IReadOnlyCollection<string> Groups { get; init; } = [];

    /// <summary>The app's properties.</summary>
    internal IReadOnlyDictionary<string, string> Properties { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The ids of the last messages that were handled, the oldest first.</summary>
    internal IReadOnlyCollection<string> HandledIds { get; init; } = [];

    /// <summary>The offset of the last entry for which the client was sent to another node, as its node did not understand it; 0 if there was none.</summary>
    internal long NotUnderstoodAt { get; init; }
}

using System.Net.WebSockets;
using System.Runtime.Serialization;
using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>How a connection ended.</summary>
/// <remarks>
/// Its text, and what serializers write of it, hold what the client was told or may be told, and never <see cref="Exception"/>: a handler
/// may send them to anybody.
/// </remarks>
public sealed record DisconnectReason
{
    /// <summary>Why it ended.</summary>
    public required DisconnectKind Kind { get; init; }

    /// <summary>The close code that ended it, sent or received; <see langword="null"/> if there was none.</summary>
    public WebSocketCloseStatus? CloseStatus { get; init; }

    /// <summary>The reason text sent or received, or what happened in words; <see langword="null"/> if there is none. Never the text of an exception.</summary>
    public string? Description { get; init; }

    /// <summary>What was thrown, if anything. It is for the log, since it tells how the server works inside.</summary>
    [JsonIgnore]
    [IgnoreDataMember] // which the serializers know that are not of System.Text.Json
    public Exception? Exception { get; init; }

    /// <summary>The kind, the close code and the description, such as <c>ClosedByClient (1000): done here</c>.</summary>
    public override string ToString()
    {
        var kind = CloseStatus is { } status ? $"{Kind} ({(int)status})" : Kind.ToString();
        return string.IsNullOrEmpty(Description) ? kind : $"{kind}: {Description}";
    }
}

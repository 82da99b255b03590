namespace DistributedSockets;

/// <summary>One command to another node.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="Subject">The connection, user or group it is about; empty for the whole hub.</param>
/// <param name="Group">The group to join or leave, else empty.</param>
/// <param name="CloseStatus">The close code of a disconnect, or how many messages a join brings, else 0.</param>
/// <param name="Reason">The reason of a disconnect, or empty.</param>
internal readonly record struct RemoteCommand(
    RemoteCommandKind Kind, string Subject, string Group = "", ushort CloseStatus = 0, string Reason = "")
{
    /// <summary>What to ask a client, or which properties to set: see <see cref="PropertyChange"/>.</summary>
    internal WebSocketMessage Message { get; init; }

    /// <summary>For how long to wait for the client's answer.</summary>
    internal TimeSpan AnswerTimeout { get; init; }
}

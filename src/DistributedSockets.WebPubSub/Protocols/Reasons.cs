namespace DistributedSockets.WebPubSub;

/// <summary>What a client is told of why the server ends its connection.</summary>
internal static class Reasons
{
    internal static string Of(DisconnectReason reason) =>
        string.IsNullOrEmpty(reason.Description) ? "The server has closed the connection." : reason.Description;
}

namespace DistributedSockets.WebPubSub;

/// <summary>A client sent what is no frame of its protocol: its connection ends with 1007. The text goes to the client.</summary>
internal sealed class BadFrameException(string message) : Exception(message);

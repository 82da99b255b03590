namespace DistributedSockets.TestNode;

internal sealed record OnlineAnswer(bool Online);

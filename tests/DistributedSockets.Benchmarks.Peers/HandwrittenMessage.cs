namespace DistributedSockets.Benchmarks.Peers;

internal sealed record HandwrittenMessage(char Kind, string Name, string Payload);

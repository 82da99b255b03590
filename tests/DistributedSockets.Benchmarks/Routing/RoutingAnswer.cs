namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What a node says after each command.</summary>
/// <param name="CpuSeconds">CPU time of the process so far.</param>
/// <param name="Received">Envelopes of other nodes so far.</param>
/// <param name="Delivered">Frames queued for connections so far.</param>
/// <param name="Channels">Channels subscribed now.</param>
/// <param name="HeapBytes">The heap after the last collection that was asked for.</param>
/// <param name="Milliseconds">How long each join took, of a command that measures it.</param>
internal sealed record RoutingAnswer(double CpuSeconds, long Received, long Delivered, int Channels, long HeapBytes, double[] Milliseconds);

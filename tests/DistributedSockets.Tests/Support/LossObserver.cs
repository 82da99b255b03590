using System.Collections.Concurrent;

namespace DistributedSockets.Tests;

/// <summary>Keeps the reports of possible loss.</summary>
internal sealed class LossObserver : IClusterObserver
{
    internal ConcurrentQueue<PossibleLoss> Seen { get; } = new();

    public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken)
    {
        Seen.Enqueue(loss);
        return ValueTask.CompletedTask;
    }
}

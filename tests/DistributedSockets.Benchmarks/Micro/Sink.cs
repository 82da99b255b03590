namespace DistributedSockets.Benchmarks.Micro;

/// <summary>A transport that takes everything at once.</summary>
internal sealed class Sink : MemoryStream
{
    public static Sink Instance { get; } = new();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>A transport whose first write waits until it is opened, so that frames queue behind it.</summary>
internal sealed class Gate : MemoryStream
{
    private TaskCompletionSource _opened = new();

    public void Close(bool closed)
    {
        if (closed)
        {
            _opened = new();
        }
        else
        {
            _opened.TrySetResult();
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => new(_opened.Task);

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

using System.IO.Pipelines;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>A transport whose first flush waits until it is opened, so that frames queue behind it.</summary>
internal sealed class Gate : Sink
{
    private TaskCompletionSource<FlushResult> _opened = new();

    public void Close(bool closed)
    {
        if (closed)
        {
            _opened = new();
        }
        else
        {
            _opened.TrySetResult(default);
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => new(_opened.Task);
}

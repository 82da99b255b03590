using System.IO.Pipelines;

namespace DistributedSockets;

/// <summary>Takes what waits in an outbound queue to the transport. The one place that knows where the bytes go; run by one thread at a time.</summary>
internal sealed class OutboundPump(PipeWriter? output)
{
    /// <summary>How often a sender writes for others before it goes on with its own work.</summary>
    private const int MaxInlineWrites = 8;

    private PipeWriter? _output = output;
    private PlatformWrite? _platformInFlush;
    private int _flushes;

    /// <summary>How often the transport has taken something; wraps around.</summary>
    internal int Flushes => Volatile.Read(ref _flushes);

    /// <summary>Says where the bytes go, before anything is written.</summary>
    internal void Open(PipeWriter output) => _output = output;

    /// <summary>Writes inline for as long as the transport takes all at once; allocates nothing then.</summary>
    internal void Run(OutboundQueue queue)
    {
        try
        {
            for (var writes = 0; writes < MaxInlineWrites; writes++)
            {
                if (!TryWrite(queue))
                {
                    return;
                }

                var flush = _output!.FlushAsync(); // opened before anything is written
                if (!flush.IsCompletedSuccessfully)
                {
                    _ = RunAsync(queue, flush); // the queue is told what becomes of it
                    return;
                }

                OnFlushed(flush.Result);
            }
        }
        catch (Exception exception)
        {
            Fail(queue, exception);
            return;
        }

        _ = RunAsync(queue, null);
    }

    /// <summary>Goes on with a flush that takes its time, or with the rest after many writes, on a thread of the pool.</summary>
    private async Task RunAsync(OutboundQueue queue, ValueTask<FlushResult>? flush)
    {
        try
        {
            if (flush is { } pending)
            {
                OnFlushed(await pending);
            }
            else
            {
                await Task.Yield();
            }

            while (TryWrite(queue))
            {
                OnFlushed(await _output!.FlushAsync());
            }
        }
        catch (Exception exception)
        {
            Fail(queue, exception);
        }
    }

    private bool TryWrite(OutboundQueue queue) => queue.TryWriteNext(_output!, out _platformInFlush);

    private void OnFlushed(FlushResult flush)
    {
        if (flush.IsCompleted || flush.IsCanceled)
        {
            throw new IOException("The client has gone.");
        }

        _flushes++;
        _platformInFlush?.Completion.TrySetResult();
        _platformInFlush = null;
    }

    private void Fail(OutboundQueue queue, Exception exception)
    {
        _platformInFlush?.Completion.TrySetException(exception);
        _platformInFlush = null;
        queue.Fail(exception);
    }
}

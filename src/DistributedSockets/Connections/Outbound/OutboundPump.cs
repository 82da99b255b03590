using System.Buffers;
using System.IO.Pipelines;

namespace DistributedSockets;

/// <summary>Takes what waits in an outbound queue to the transport. The one place that knows where the bytes go; run by one thread at a time.</summary>
internal sealed class OutboundPump(PipeWriter? output)
{
    /// <summary>How often a sender writes for others before it goes on with its own work.</summary>
    private const int MaxInlineWrites = 8;

    private PipeWriter? _pipe = output;
    private DirectSocket? _direct;
    private PlatformWrite? _platformInFlush;
    private int _flushes;

    /// <summary>How often the transport has taken something; wraps around.</summary>
    internal int Flushes => Volatile.Read(ref _flushes);

    /// <summary>The socket that the bytes may go straight to, if nothing is in between.</summary>
    internal DirectSocket? Direct => _direct;

    /// <summary>Says where the bytes go, before anything is written.</summary>
    /// <param name="pipe">The transport's pipe.</param>
    /// <param name="direct">The socket behind it, if nothing is in between.</param>
    internal void Open(PipeWriter pipe, DirectSocket? direct) => (_pipe, _direct) = (pipe, direct);

    /// <summary>Makes the ping whose pong says that the pipe is empty; null if there is no need for one.</summary>
    internal PlatformWrite? MakeQuestion()
    {
        if (_direct is { Proof: var proof })
        {
            Span<byte> ping = [0x89, PongSearch.PayloadBytes, 0, 0, 0, 0, 0, 0, 0, 0];
            if (proof.TryMakeQuestion(ping[2..]))
            {
                return new(ping.ToArray()) { IsQuestion = true };
            }
        }

        return null;
    }

    /// <summary>Writes inline for as long as the transport takes all at once, if nobody else has begun to write; allocates nothing then.</summary>
    internal void Run(OutboundQueue queue)
    {
        try
        {
            for (var writes = 0; writes < MaxInlineWrites; writes++)
            {
                if (!TryWrite(queue, isFirst: writes == 0, out var flush))
                {
                    return;
                }

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

            while (TryWrite(queue, isFirst: false, out var next))
            {
                OnFlushed(await next);
            }
        }
        catch (Exception exception)
        {
            Fail(queue, exception);
        }
    }

    /// <summary>Writes what comes next; false if nothing waits any more.</summary>
    private bool TryWrite(OutboundQueue queue, bool isFirst, out ValueTask<FlushResult> flush)
    {
        var pipe = _pipe!; // opened before anything is written
        using var joined = _direct is null ? null : JoinBuffer.Take();
        if (!queue.TryWriteNext((IBufferWriter<byte>?)joined ?? pipe, isFirst, ref _platformInFlush))
        {
            flush = default;
            return false;
        }

        flush = joined is null ? pipe.FlushAsync() : Write(queue, _direct!, pipe, joined.Written);
        return true;
    }

    /// <summary>Writes past the pipe if that is empty, and what the socket does not take into the pipe.</summary>
    private ValueTask<FlushResult> Write(OutboundQueue queue, DirectSocket direct, PipeWriter pipe, ReadOnlySpan<byte> bytes)
    {
        var isQuestion = _platformInFlush is { IsQuestion: true };
        if (!direct.Proof.TryPipe())
        {
            bytes = bytes[direct.Send(bytes)..];
            if (bytes.IsEmpty)
            {
                if (isQuestion)
                {
                    direct.Proof.OnQuestionWritten(isPiped: false);
                }

                return default;
            }

            direct.Proof.Refill();
        }

        pipe.Write(bytes);
        if (isQuestion)
        {
            direct.Proof.OnQuestionWritten(isPiped: true);
            return FlushAndHoldAsync(direct, pipe);
        }

        if (_platformInFlush is null)
        {
            queue.AskIfDrained(); // for a control frame alone it is not worth a ping
        }

        return pipe.FlushAsync();
    }

    private static async ValueTask<FlushResult> FlushAndHoldAsync(DirectSocket direct, PipeWriter pipe)
    {
        var flushed = await pipe.FlushAsync();
        await direct.Proof.HoldAsync();
        return flushed;
    }

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

using System.Buffers.Binary;
using System.Text;

namespace DistributedSockets.Tests;

/// <summary>Keeps what is written; while closed, a write waits.</summary>
internal sealed class GatedStream : MemoryStream
{
    private TaskCompletionSource _gate = Opened();

    internal List<byte[]> Writes { get; } = [];

    /// <summary>Has the writes from now on wait.</summary>
    internal void Shut()
    {
        var gate = _gate;
        if (gate.Task.IsCompletedSuccessfully)
        {
            Interlocked.CompareExchange(ref _gate, new(TaskCreationOptions.RunContinuationsAsynchronously), gate);
        }
    }

    internal void Open() => _gate.TrySetResult();

    /// <summary>Lets go of the write that waits; the next one waits again.</summary>
    internal void Step()
    {
        var gate = _gate;
        if (!gate.Task.IsCompleted)
        {
            Interlocked.CompareExchange(ref _gate, new(TaskCreationOptions.RunContinuationsAsynchronously), gate);
            gate.TrySetResult();
        }
    }

    /// <summary>Fails the write that waits.</summary>
    internal void Fail(Exception exception) => Fail(_gate, exception);

    /// <summary>Fails the write that waits, and all that follow.</summary>
    internal void Break(Exception exception)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Fail(gate, exception);
        Fail(Interlocked.Exchange(ref _gate, gate), exception);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Writes.Add(buffer.ToArray());
        await _gate.Task;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The whole frames that were written.</summary>
    internal List<string> Texts()
    {
        var texts = new List<string>();
        var bytes = Writes.SelectMany(write => write).ToArray().AsMemory();
        while (!bytes.IsEmpty)
        {
            var (header, length) = bytes.Span[1] switch
            {
                126 => (4, (bytes.Span[2] << 8) | bytes.Span[3]),
                127 => (10, (int)BinaryPrimitives.ReadUInt64BigEndian(bytes.Span[2..])),
                var small => (2, small),
            };
            if (bytes.Length < header + length)
            {
                break; // broken off in the middle of a frame
            }

            texts.Add((bytes.Span[0] & 0xF) switch
            {
                0x9 => "ping",
                0xA => "pong",
                0x8 => "close",
                _ => Encoding.UTF8.GetString(bytes.Span.Slice(header, length)),
            });
            bytes = bytes[(header + length)..];
        }

        return texts;
    }

    private static void Fail(TaskCompletionSource gate, Exception exception)
    {
        gate.TrySetException(exception);
        _ = gate.Task.Exception; // there may be no write that looks at it
    }

    private static TaskCompletionSource Opened()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}

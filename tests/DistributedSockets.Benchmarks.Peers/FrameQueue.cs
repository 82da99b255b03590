using System.Buffers;
using System.Threading.Channels;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>The frames that wait for one connection.</summary>
internal sealed class FrameQueue
{
    private const int JoinBytes = 32 * 1024;

    private readonly Channel<byte[]> _frames = Channel.CreateUnbounded<byte[]>(new() { SingleReader = true });

    public void Add(byte[] frame) => _frames.Writer.TryWrite(frame);

    public void Complete() => _frames.Writer.TryComplete();

    /// <summary>Writes until the queue is complete: all that waits in one write, a single frame as it is.</summary>
    public async Task WriteAsync(Stream stream)
    {
        var reader = _frames.Reader;
        try
        {
            while (await reader.WaitToReadAsync())
            {
                while (reader.TryRead(out var first))
                {
                    await WriteAsync(stream, reader, first);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client is gone.
        }
    }

    private static async ValueTask WriteAsync(Stream stream, ChannelReader<byte[]> reader, byte[] first)
    {
        if (!reader.TryPeek(out _))
        {
            await stream.WriteAsync(first);
            return;
        }

        var joined = ArrayPool<byte>.Shared.Rent(JoinBytes);
        first.CopyTo(joined, 0);
        var length = first.Length;
        while (reader.TryPeek(out var next) && length + next.Length <= JoinBytes)
        {
            reader.TryRead(out _);
            next.CopyTo(joined, length);
            length += next.Length;
        }

        await stream.WriteAsync(joined.AsMemory(0, length));
        ArrayPool<byte>.Shared.Return(joined);
    }
}

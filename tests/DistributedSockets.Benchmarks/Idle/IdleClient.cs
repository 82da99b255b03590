using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace DistributedSockets.Benchmarks.Idle;

/// <summary>A WebSocket client that only answers pings.</summary>
internal static class IdleClient
{
    private static readonly byte[] s_request = Encoding.ASCII.GetBytes(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: YmVuY2htYXJrLWNsaWVudA==\r\n\r\n");

    private static readonly byte[] s_pong = [0x8A, 0x80, 0, 0, 0, 0];

    /// <summary>Opens a WebSocket and waits for the first message, with which the server says that it is ready.</summary>
    public static async Task OpenAsync(IDuplexPipe pipe)
    {
        await pipe.Output.WriteAsync(s_request);
        while (true)
        {
            var read = await pipe.Input.ReadAsync();
            var reader = new SequenceReader<byte>(read.Buffer);
            if (reader.TryReadTo(out ReadOnlySequence<byte> answer, "\r\n\r\n"u8) && reader.Remaining >= 3)
            {
                if (!Encoding.ASCII.GetString(answer).StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
                {
                    throw new InvalidOperationException($"The server answered: {Encoding.ASCII.GetString(answer)}");
                }

                pipe.Input.AdvanceTo(read.Buffer.GetPosition(3, reader.Position)); // a header of two bytes and one character
                return;
            }

            pipe.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                throw new InvalidOperationException("The server closed a connection before it answered.");
            }
        }
    }

    /// <summary>Answers pings until the connection ends.</summary>
    public static async Task IdleAsync(IDuplexPipe pipe)
    {
        while (true)
        {
            var read = await pipe.Input.ReadAsync();
            for (var rest = read.Buffer; rest.Length >= 2; rest = rest.Slice(2))
            {
                if (rest.FirstSpan[0] == 0x89)
                {
                    await pipe.Output.WriteAsync(s_pong);
                }
            }

            pipe.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }
}

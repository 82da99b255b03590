using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace DistributedSockets.Benchmarks.Idle;

/// <summary>A WebSocket client that only answers pings.</summary>
internal static class IdleClient
{
    private const string Request =
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: YmVuY2htYXJrLWNsaWVudA==\r\n";

    private static readonly byte[] s_request = Encoding.ASCII.GetBytes($"{Request}\r\n");
    private static readonly byte[] s_resumableRequest = Encoding.ASCII.GetBytes($"{Request}Sec-WebSocket-Protocol: resume.v1.distributedsockets\r\n\r\n");

    private static readonly byte[] s_pong = [0x8A, 0x80, 0, 0, 0, 0];

    /// <summary>Opens a WebSocket and waits for the message with which the server says that it is ready.</summary>
    /// <param name="pipe">The connection.</param>
    /// <param name="isResumable">Whether it asks for a session that can be resumed.</param>
    public static async Task OpenAsync(IDuplexPipe pipe, bool isResumable = false)
    {
        await pipe.Output.WriteAsync(isResumable ? s_resumableRequest : s_request);
        var messages = isResumable ? 2 : 1; // the session comes first
        while (true)
        {
            var read = await pipe.Input.ReadAsync();
            var reader = new SequenceReader<byte>(read.Buffer);
            if (reader.TryReadTo(out ReadOnlySequence<byte> answer, "\r\n\r\n"u8) && TryPass(ref reader, messages))
            {
                if (!Encoding.ASCII.GetString(answer).StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
                {
                    throw new InvalidOperationException($"The server answered: {Encoding.ASCII.GetString(answer)}");
                }

                pipe.Input.AdvanceTo(reader.Position);
                return;
            }

            pipe.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                throw new InvalidOperationException("The server closed a connection before it answered.");
            }
        }
    }

    /// <summary>Passes over short messages, if they are there as a whole.</summary>
    private static bool TryPass(ref SequenceReader<byte> reader, int messages)
    {
        for (; messages > 0; messages--)
        {
            if (!reader.TryRead(out _) || !reader.TryRead(out var length) || reader.Remaining < length)
            {
                return false;
            }

            reader.Advance(length);
        }

        return true;
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

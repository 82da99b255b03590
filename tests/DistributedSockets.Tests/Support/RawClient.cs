using System.Net.Sockets;
using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>A socket that shows frames as they are on the wire, and sends whatever the test wants.</summary>
internal sealed class RawClient(TcpClient tcp) : IDisposable
{
    private readonly NetworkStream _stream = tcp.GetStream();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal TcpClient Tcp => tcp;

    /// <summary>Whether it answers pings with a payload, as every client must.</summary>
    internal bool AnswersPings { get; set; } = true;

    /// <summary>The status line and the headers of the answer to the handshake.</summary>
    internal string Handshake { get; private set; } = "";

    internal static async Task<RawClient> ConnectAsync(Uri address, string path, string? extensions = null, string? subProtocol = null, int? receiveBuffer = null)
    {
        var tcp = new TcpClient { NoDelay = true };
        tcp.ReceiveBufferSize = receiveBuffer ?? tcp.ReceiveBufferSize;
        await tcp.ConnectAsync(address.Host, address.Port, Cancellation);
        var client = new RawClient(tcp);
        await client.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: {address.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + (subProtocol is null ? "" : $"Sec-WebSocket-Protocol: {subProtocol}\r\n")
            + (extensions is null ? "\r\n" : $"Sec-WebSocket-Extensions: {extensions}\r\n\r\n")));
        var header = new StringBuilder();
        while (!header.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            header.Append((char)(await client.ReadAsync(1))[0]);
        }

        client.Handshake = header.ToString();
        Assert.StartsWith("HTTP/1.1 101", client.Handshake);
        return client;
    }

    internal Task WriteAsync(byte[] bytes) => _stream.WriteAsync(bytes, Cancellation).WithinGuardAsync();

    /// <summary>Writes one frame with a mask of zeros, which leaves the payload as it is.</summary>
    internal Task WriteFrameAsync(int opcode, byte[] payload)
    {
        Assert.True(payload.Length < 126);
        return WriteAsync([(byte)(0x80 | opcode), (byte)(0x80 | payload.Length), 0, 0, 0, 0, .. payload]);
    }

    internal async Task<(int Opcode, byte[] Payload)> ReadFrameAsync()
    {
        var (first, payload) = await ReadAnyFrameAsync();
        Assert.Equal(0x80, first & 0xF0); // whole, and no extension used
        return (first & 0x0F, payload);
    }

    /// <summary>Reads a frame, with its first byte as it is. Pings with a payload, with which the library asks what has arrived, are passed over.</summary>
    internal async Task<(int First, byte[] Payload)> ReadAnyFrameAsync()
    {
        while (true)
        {
            var header = await ReadAsync(2);
            var length = header[1] switch
            {
                126 => await ReadAsync(2) is var two ? (two[0] << 8) | two[1] : 0,
                127 => (int)System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(await ReadAsync(8)),
                var small => small,
            };
            var payload = await ReadAsync(length);
            if (header[0] != 0x89 || length == 0)
            {
                return (header[0], payload);
            }

            if (AnswersPings)
            {
                await WriteFrameAsync(0xA, payload);
            }
        }
    }

    public void Dispose() => tcp.Dispose();

    private async Task<byte[]> ReadAsync(int length)
    {
        var bytes = new byte[length];
        await _stream.ReadExactlyAsync(bytes, Cancellation).WithinGuardAsync();
        return bytes;
    }
}

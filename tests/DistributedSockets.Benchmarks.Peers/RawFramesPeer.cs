using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>Kestrel alone: a frame is built once and its bytes go to the upgraded stream of each connection, joined where several wait.</summary>
internal sealed class RawFramesPeer : IPeer
{
    private readonly ConcurrentDictionary<Guid, FrameQueue> _connections = new();

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void Map(WebApplication app) => app.Map("/ws", ServeAsync);

    private static byte[] Frame(ReadOnlySpan<byte> payload)
    {
        var header = payload.Length < 126 ? 2 : 4;
        var frame = new byte[header + payload.Length];
        frame[0] = 0x81;
        if (header == 2)
        {
            frame[1] = (byte)payload.Length;
        }
        else
        {
            frame[1] = 126;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), checked((ushort)payload.Length));
        }

        payload.CopyTo(frame.AsSpan(header));
        return frame;
    }

    /// <summary>The answer to a key that RFC 6455 section 4.2.2 asks for, by the one hash it names.</summary>
#pragma warning disable CA5350
    private static string Accept(string key) =>
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350

    private async Task ServeAsync(HttpContext context)
    {
        context.Response.Headers.Connection = "Upgrade";
        context.Response.Headers.Upgrade = "websocket";
        context.Response.Headers.SecWebSocketAccept = Accept(context.Request.Headers.SecWebSocketKey.ToString());
        await using var stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });
        var queue = new FrameQueue();
        var id = Guid.NewGuid();
        _connections[id] = queue;
        var writing = queue.WriteAsync(stream);
        try
        {
            var buffer = new byte[4096];
            while (true)
            {
                await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
                var received = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                Run(queue, buffer.AsSpan(0, received.Count));
            }
        }
        catch (WebSocketException)
        {
            // The client is gone.
        }
        finally
        {
            _connections.TryRemove(id, out _);
            queue.Complete();
            await writing;
        }
    }

    private void Run(FrameQueue own, ReadOnlySpan<byte> message)
    {
        var operation = Operation.Parse(message);
        switch (operation.Kind)
        {
            case 'E':
                own.Add(Frame(operation.Payload));
                break;
            case 'B':
                var frame = Frame(operation.Payload);
                foreach (var (_, queue) in _connections)
                {
                    queue.Add(frame);
                }

                break;
        }
    }
}

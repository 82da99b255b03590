using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Threading.Channels;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>Kestrel alone: a channel and a writer task for each connection, which calls <see cref="WebSocket.SendAsync(ReadOnlyMemory{byte}, WebSocketMessageType, bool, CancellationToken)"/>.</summary>
internal sealed class RawSendPeer(bool compress) : IPeer
{
    private readonly ConcurrentDictionary<Guid, Channel<byte[]>> _connections = new();

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void Map(WebApplication app)
    {
        app.UseWebSockets();
        app.Map("/ws", ServeAsync);
    }

    private static async Task WriteAsync(WebSocket socket, ChannelReader<byte[]> payloads)
    {
        try
        {
            await foreach (var payload in payloads.ReadAllAsync())
            {
                await socket.SendAsync(payload.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            }
        }
        catch (WebSocketException)
        {
            // The client is gone.
        }
    }

    private async Task ServeAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            DangerousEnableCompression = compress,
            DisableServerContextTakeover = true, // else each connection would also keep a window
        });
        var queue = Channel.CreateUnbounded<byte[]>(new() { SingleReader = true });
        var id = Guid.NewGuid();
        _connections[id] = queue;
        var writing = WriteAsync(socket, queue.Reader);
        try
        {
            var buffer = new byte[4096];
            while (true)
            {
                // A receive of nothing first: a connection that is idle then holds no buffer of the platform's.
                await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
                var received = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                Run(queue.Writer, buffer.AsSpan(0, received.Count));
            }
        }
        catch (WebSocketException)
        {
            // The client is gone.
        }
        finally
        {
            _connections.TryRemove(id, out _);
            queue.Writer.TryComplete();
            await writing;
        }
    }

    private void Run(ChannelWriter<byte[]> own, ReadOnlySpan<byte> message)
    {
        var operation = Operation.Parse(message);
        switch (operation.Kind)
        {
            case 'E':
                own.TryWrite(operation.Payload.ToArray());
                break;
            case 'B':
                var payload = operation.Payload.ToArray();
                foreach (var (_, queue) in _connections)
                {
                    queue.Writer.TryWrite(payload);
                }

                break;
        }
    }
}

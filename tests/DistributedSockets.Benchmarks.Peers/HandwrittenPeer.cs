using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using StackExchange.Redis;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What is written by hand first: one Redis channel, and every node looks through its connections for each message.</summary>
internal sealed class HandwrittenPeer(string redis) : IPeer
{
    private static readonly RedisChannel s_channel = RedisChannel.Literal("messages");

    private readonly ConcurrentDictionary<Guid, HandwrittenConnection> _connections = new();

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void Map(WebApplication app)
    {
        var subscriber = ConnectionMultiplexer.Connect(redis).GetSubscriber();
        subscriber.Subscribe(s_channel).OnMessage(message => DeliverAsync(JsonSerializer.Deserialize<HandwrittenMessage>((string)message.Message!)!));
        app.UseWebSockets();
        app.Map("/ws", context => ServeAsync(context, subscriber));
    }

    private async Task ServeAsync(HttpContext context, ISubscriber subscriber)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var connection = new HandwrittenConnection(socket, context.Request.Query["u"], context.Request.Query["g"].ToString().Split(','));
        var id = Guid.NewGuid();
        _connections[id] = connection;
        try
        {
            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } received)
            {
                await RunAsync(connection, buffer.AsMemory(0, received.Count), subscriber);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // The client is gone.
        }
        finally
        {
            _connections.TryRemove(id, out _);
        }
    }

    private static Task RunAsync(HandwrittenConnection connection, ReadOnlyMemory<byte> message, ISubscriber subscriber)
    {
        var operation = Operation.Parse(message.Span);
        return operation.Kind switch
        {
            'I' => Task.CompletedTask,
            'E' => connection.SendAsync(message[1..]),
            _ => subscriber.PublishAsync(
                s_channel,
                JsonSerializer.Serialize(new HandwrittenMessage(operation.Kind, operation.Name, Encoding.UTF8.GetString(operation.Payload)))),
        };
    }

    private async Task DeliverAsync(HandwrittenMessage message)
    {
        var payload = Encoding.UTF8.GetBytes(message.Payload);
        var sends = new List<Task>();
        foreach (var (_, connection) in _connections)
        {
            if (message.Kind == 'B'
                || (message.Kind == 'U' && connection.User == message.Name)
                || (message.Kind == 'G' && connection.Groups.Contains(message.Name)))
            {
                sends.Add(connection.SendAsync(payload));
            }
        }

        await Task.WhenAll(sends);
    }
}

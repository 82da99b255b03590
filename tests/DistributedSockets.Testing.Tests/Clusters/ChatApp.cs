using System.Collections.Concurrent;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>A small app as somebody would write it: rooms, private messages, an endpoint that notifies.</summary>
internal static class ChatApp
{
    internal static void AddServices(IServiceCollection services)
    {
        services.AddSingleton<Farewells>();
        services.AddDistributedWebSockets(options =>
        {
            options.SubProtocols.Add("chat.v2");
            options.OutboundQueueFrames = 4;
            options.OutboundQueueBytes = 2_048;
        });
    }

    internal static void Map(WebApplication app)
    {
        app.MapDistributedWebSocket<ChatHandler>("/chat");
        app.MapPost("/notify/{user}", async (string user, IWebSocketRouter<ChatHandler> router) => await router.SendToUserAsync(user, "notified"));
    }

    internal static Task<FakeCluster> StartAsync(int nodes, Action<FakeClusterOptions>? more = null, Microsoft.Extensions.Time.Testing.FakeTimeProvider? time = null) =>
        FakeCluster.StartAsync(
            nodes,
            options =>
            {
                options.ConfigureServices(AddServices).ConfigureApp(Map);
                more?.Invoke(options);
            },
            time,
            TestContext.Current.CancellationToken);

    /// <summary>Connects a user, who is in a room when this returns.</summary>
    internal static async Task<FakeClient> JoinAsync(FakeCluster cluster, int node, string user, string room, Action<FakeClientOptions>? handshake = null)
    {
        var client = await cluster.ConnectAsync(node, "/chat", user, handshake, TestContext.Current.CancellationToken);
        await client.SendAsync($"/join {room}", TestContext.Current.CancellationToken);
        Assert.Equal($"joined {room}", await client.ReceiveTextAsync(TestContext.Current.CancellationToken));
        return client;
    }
}

internal sealed record Said(string From, string Text);

/// <summary>How the connections of one node ended, as their handlers were told.</summary>
public sealed class Farewells
{
    public ConcurrentQueue<DisconnectReason> Seen { get; } = new();
}

/// <summary>Takes <c>/join room</c>, <c>/leave room</c>, <c>/fail</c>, <c>/quit</c>, <c>room:text</c>; sends what is binary back.</summary>
[WebSocketHub("chat")]
public sealed class ChatHandler(IWebSocketRouter<ChatHandler> router, Farewells farewells) : WebSocketHandler
{
    public override async ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        if (!message.IsText)
        {
            await Connection.SendAsync(message, cancellationToken);
            return;
        }

        var text = message.GetText();
        switch (text.Split(' ', 2))
        {
            case ["/join", var room]:
                await router.AddToGroupAsync(Connection.Id, room, cancellationToken);
                await Connection.SendAsync($"joined {room}", cancellationToken);
                break;
            case ["/leave", var room]:
                await router.RemoveFromGroupAsync(Connection.Id, room, cancellationToken);
                await Connection.SendAsync($"left {room}", cancellationToken);
                break;
            case ["/fail"]:
                throw new InvalidOperationException("A handler that throws.");
            case ["/quit"]:
                await Connection.CloseAsync((System.Net.WebSockets.WebSocketCloseStatus)4001, "bye", cancellationToken);
                break;
            default:
                var (where, said) = (text[..text.IndexOf(':')], text[(text.IndexOf(':') + 1)..]);
                await router.SendAsync(WebSocketTarget.Group(where), new Said(Connection.UserId ?? "somebody", said), cancellationToken: cancellationToken);
                break;
        }
    }

    public override ValueTask OnDisconnectedAsync(DisconnectReason reason)
    {
        farewells.Seen.Enqueue(reason);
        return ValueTask.CompletedTask;
    }
}

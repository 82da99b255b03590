using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistributedSockets.Docs.Tests.Snippets.Json;

internal static class JsonProgram
{
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? more = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        // snippet: json-context
        builder.Services.AddDistributedWebSockets()
            .ConfigureJson(json => json.TypeInfoResolverChain.Insert(0, RoomJson.Default));
        // end-snippet
        more?.Invoke(builder);
        var app = builder.Build();
        app.MapDistributedWebSocket<RoomHandler>("/room");
        app.MapDistributedWebSocket<OrderHandler>("/orders");
        return app;
    }
}

// snippet: json-read
[WebSocketHub("orders")]
public sealed class OrderHandler(IWebSocketRouter<OrderHandler> router) : WebSocketHandler
{
    public override async ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        var order = message.ReadJson<Order>();      // never null; a message that is no order closes the connection with 1007
        await router.SendToGroupAsync("kitchen", $"{order.Count} x {order.Dish}", cancellationToken);
    }
}

public sealed record Order(string Dish, int Count);
// end-snippet

// snippet: json-handler
[WebSocketHub("rooms")]
public sealed class RoomHandler(IWebSocketRouter<RoomHandler> router) : JsonWebSocketHandler
{
    private static readonly JsonMethods s_methods = new JsonMethods<RoomHandler>()
        .On<Join>("join", static (handler, join, cancellationToken) => handler.JoinAsync(join, cancellationToken))
        .On<Say>("say", static (handler, say, cancellationToken) => handler.SayAsync(say, cancellationToken))
        .On("leave", static (handler, cancellationToken) => handler.LeaveAsync(cancellationToken));

    private string? _room;

    protected override JsonMethods Methods => s_methods;
    // end-snippet

    // snippet: json-failed
    protected override ValueTask OnMethodFailedAsync(
        string type, Exception exception, WebSocketMessage message, CancellationToken cancellationToken) => exception is RoomException
        ? Connection.SendAsync(new Refused("refused", type, exception.Message), cancellationToken)
        : base.OnMethodFailedAsync(type, exception, message, cancellationToken);
    // end-snippet

    // snippet: json-handler
    private async ValueTask JoinAsync(Join join, CancellationToken cancellationToken)
    {
        await router.AddToGroupAsync(Connection.Id, join.Room, cancellationToken);
        _room = join.Room;
    }

    private ValueTask SayAsync(Say say, CancellationToken cancellationToken) => _room is { } room
        ? router.SendToGroupAsync(room, new Said("said", say.Text), cancellationToken)
        : throw new RoomException("Join a room first.");

    private async ValueTask LeaveAsync(CancellationToken cancellationToken)
    {
        _room = null;
        await router.RemoveFromAllGroupsAsync(Connection.Id, cancellationToken);
    }
}

public sealed record Join(string Room);

public sealed record Say(string Text);

public sealed record Said(string Type, string Text);
// end-snippet

public sealed record Refused(string Type, string Of, string Reason);

public sealed class RoomException(string message) : Exception(message);

// snippet: json-context
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Join))]
[JsonSerializable(typeof(Say))]
[JsonSerializable(typeof(Said))]
[JsonSerializable(typeof(Refused))]
internal sealed partial class RoomJson : JsonSerializerContext;
// end-snippet

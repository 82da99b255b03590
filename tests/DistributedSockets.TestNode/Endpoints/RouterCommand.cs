using System.Net.WebSockets;

namespace DistributedSockets.TestNode;

/// <summary>One call of a router, as JSON: what the operations of a connection cannot say.</summary>
/// <remarks>Properties have setters, since generated serializers give no default to what is init-only.</remarks>
internal sealed record RouterCommand
{
    /// <summary><c>send</c>, <c>confirm</c>, <c>join</c>, <c>leave</c>, <c>leaveAll</c>, <c>disconnect</c>, <c>disconnectUser</c> or <c>disconnectGroup</c>.</summary>
    public required string Op { get; set; }

    /// <summary>The hub; the test node's own if not given.</summary>
    public string Hub { get; set; } = "testnode";

    /// <summary>For a send: who gets it, everyone if none of the three is given.</summary>
    public string[]? Connections { get; set; }

    public string[]? Users { get; set; }

    public string[]? Groups { get; set; }

    public string[] Except { get; set; } = [];

    public string? Text { get; set; }

    public byte[]? Binary { get; set; }

    /// <summary>For the others: which connection, user or group.</summary>
    public string Connection { get; set; } = "";

    public string User { get; set; } = "";

    public string Group { get; set; } = "";

    public int Code { get; set; } = 1000;

    public string? Reason { get; set; }

    /// <summary>Whether a send is logged; as the hub says if not given.</summary>
    public bool? Logged { get; set; }

    /// <summary>The idempotency key of a logged send.</summary>
    public string? Key { get; set; }

    /// <summary>For <c>join</c>: how many of the last messages of the group the connection gets.</summary>
    public int Last { get; set; }

    /// <summary>Runs the command and tells what came of it.</summary>
    public async ValueTask<RouterOutcome> RunAsync(IWebSocketRouterFactory routers, CancellationToken cancellationToken)
    {
        try
        {
            if (Op == "confirm")
            {
                var outcome = await routers.GetRouter(Hub).SendConfirmedAsync(Connection, Message(), cancellationToken: cancellationToken);
                return outcome is ConfirmedSendOutcome.Queued or ConfirmedSendOutcome.Logged ? new(true) : new(false, $"{outcome}");
            }

            if (Op == "send")
            {
                var options = new SendOptions { ExcludedConnectionIds = Except, IsLogged = Logged, IdempotencyKey = Key };
                var result = await routers.GetRouter(Hub).SendAsync(Target(), Message(), options, cancellationToken);
                return new(true) { Position = result.Position?.ToString() };
            }

            await RunAsync(routers.GetRouter(Hub), cancellationToken);
            return new(true);
        }
        catch (Exception exception) when (Failures.IsAnswer(exception))
        {
            return new(false, exception.GetType().Name, exception.Message);
        }
    }

    private ValueTask RunAsync(IWebSocketRouter router, CancellationToken cancellationToken) => Op switch
    {
        "join" when Last > 0 => router.Log.AddToGroupAsync(Connection, Group, Last, cancellationToken),
        "join" => router.AddToGroupAsync(Connection, Group, cancellationToken),
        "leave" => router.RemoveFromGroupAsync(Connection, Group, cancellationToken),
        "leaveAll" => router.RemoveFromAllGroupsAsync(Connection, cancellationToken),
        "disconnect" => router.DisconnectAsync(Connection, (WebSocketCloseStatus)Code, Reason, cancellationToken),
        "disconnectUser" => router.DisconnectUserAsync(User, (WebSocketCloseStatus)Code, Reason, cancellationToken),
        "disconnectGroup" => router.DisconnectGroupAsync(Group, (WebSocketCloseStatus)Code, Reason, cancellationToken),
        _ => throw new FormatException($"There is no command {Op}."),
    };

    private WebSocketTarget Target() => this switch
    {
        { Connections: [var connection] } => WebSocketTarget.Connection(connection),
        { Connections: { } connections } => WebSocketTarget.Connections(connections),
        { Users: [var user] } => WebSocketTarget.User(user),
        { Users: { } users } => WebSocketTarget.Users(users),
        { Groups: [var group] } => WebSocketTarget.Group(group),
        { Groups: { } groups } => WebSocketTarget.Groups(groups),
        _ => WebSocketTarget.All,
    };

    private WebSocketMessage Message() => Binary is { } binary ? WebSocketMessage.Binary(binary) : WebSocketMessage.Text(Text ?? "");
}

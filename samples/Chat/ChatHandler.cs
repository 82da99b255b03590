using System.Net.WebSockets;
using DistributedSockets;
using Samples;

namespace Chat;

/// <summary>One connection of one user: does what the page asks for.</summary>
[WebSocketHub("chat")]
internal sealed class ChatHandler(IWebSocketRouter<ChatHandler> router, IPresenceRoster<ChatHandler> roster, NodeInfo node, TimeProvider time) : JsonWebSocketHandler
{
    private const WebSocketCloseStatus NameRefused = (WebSocketCloseStatus)4001;
    private const int MaxTextLength = 2_000;
    private const int MaxRooms = 50;
    private const int MaxIdLength = 64;

    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500); // meanwhile this connection's other commands wait

    private static readonly JsonMethods s_methods = new JsonMethods<ChatHandler>()
        .On("say", static (chat, say, cancellationToken) => chat.SayAsync(say, cancellationToken), ChatJson.Default.Say)
        .On("direct", static (chat, direct, cancellationToken) => chat.SendDirectAsync(direct, cancellationToken), ChatJson.Default.DirectCommand)
        .On("join", static (chat, join, cancellationToken) => chat.JoinAsync(join.Room, cancellationToken), ChatJson.Default.Join)
        .On("leave", static (chat, leave, cancellationToken) => chat.LeaveAsync(leave.Room, cancellationToken), ChatJson.Default.Leave)
        .On("people", static (chat, cancellationToken) => chat.SendPeopleAsync(cancellationToken));

    private readonly HashSet<string> _rooms = new(StringComparer.Ordinal);

    protected override JsonMethods Methods => s_methods;

    private string User => Connection.UserId!; // whoever has none is not listened to

    public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) => Connection.UserId is { } user
        ? ReplyAsync(new ChatEvent.Welcome(user, Connection.Id, node.Name), cancellationToken)
        : Connection.CloseAsync(NameRefused, $"A name has {UserName.Rule}.", cancellationToken);

    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) =>
        Connection.UserId is null ? ValueTask.CompletedTask : base.OnMessageAsync(message, cancellationToken); // without a name it is being closed

    protected override ValueTask OnUnknownTypeAsync(string type, WebSocketMessage message, CancellationToken cancellationToken) =>
        RefuseAsync(type, "There is no such command. Known are say, direct, join, leave and people.", room: null, temporary: false, cancellationToken);

    protected override ValueTask OnInvalidJsonAsync(InvalidJsonException exception, WebSocketMessage message, CancellationToken cancellationToken) => RefuseAsync(
        command: null,
        "A command is a JSON object with a type. Say needs room and text, direct needs to and text, join and leave need room.",
        room: null,
        temporary: false,
        cancellationToken);

    protected override ValueTask OnMethodFailedAsync(string type, Exception exception, WebSocketMessage message, CancellationToken cancellationToken)
    {
        var room = message.ReadJson(ChatJson.Default.Any).Room;
        return exception switch
        {
            ChatException => RefuseAsync(type, exception.Message, room, temporary: false, cancellationToken),
            MessageLogUnavailableException { IsOutcomeUnknown: true } => RefuseAsync(
                type, "The nodes cannot reach each other right now. That may have been said, or not.", room, temporary: true, cancellationToken),
            MessageLogUnavailableException => RefuseAsync(type, "The nodes cannot reach each other right now, so nobody got that.", room, temporary: true, cancellationToken),
            TimeoutException => RefuseAsync(type, "Who is online is not known right now.", room, temporary: true, cancellationToken),
            _ => base.OnMethodFailedAsync(type, exception, message, cancellationToken), // a fault of ours, which is logged
        };
    }

    private async ValueTask SayAsync(ChatCommand.Say say, CancellationToken cancellationToken)
    {
        if (!_rooms.Contains(say.Room))
        {
            throw new ChatException($"Join {say.Room} before you say something there.");
        }

        ChatEvent said = new ChatEvent.Said(say.Room, User, Checked(say.Text), time.GetUtcNow());
        await router.SendAsync(WebSocketTarget.Group(say.Room), said, Once(say.Id), ChatJson.Default.ChatEvent, cancellationToken);
    }

    private async ValueTask SendDirectAsync(ChatCommand.Direct command, CancellationToken cancellationToken)
    {
        var to = command.To;
        if (!UserName.IsValid(to))
        {
            throw new ChatException($"A name has {UserName.Rule}.");
        }

        // To the sender too, so that all of their pages show it.
        ChatEvent direct = new ChatEvent.Direct(User, to, Checked(command.Text), time.GetUtcNow());
        await router.SendAsync(WebSocketTarget.Users([to, User]), direct, Once(command.Id), ChatJson.Default.ChatEvent, cancellationToken);

        if (roster.IsCurrent && !roster.IsOnline(to))
        {
            throw new ChatException($"{to} is not online, so nobody got that.");
        }
    }

    private async ValueTask JoinAsync(string room, CancellationToken cancellationToken)
    {
        if (!UserName.IsValid(room))
        {
            throw new ChatException($"A room's name has {UserName.Rule}.");
        }

        if (_rooms.Count == MaxRooms && !_rooms.Contains(room))
        {
            throw new ChatException($"You are in {MaxRooms} rooms. Leave one first.");
        }

        await router.AddToGroupAsync(Connection.Id, room, cancellationToken);
        _rooms.Add(room);
        await ReplyAsync(new ChatEvent.Joined(room), cancellationToken);
    }

    private async ValueTask LeaveAsync(string room, CancellationToken cancellationToken)
    {
        _rooms.Remove(room); // the session may be in a room of which this handler has not heard
        await router.RemoveFromGroupAsync(Connection.Id, room, cancellationToken);
        await ReplyAsync(new ChatEvent.Left(room), cancellationToken);
    }

    private async ValueTask SendPeopleAsync(CancellationToken cancellationToken)
    {
        await roster.WaitUntilCurrentAsync(cancellationToken).AsTask().WaitAsync(s_patience, cancellationToken);
        await ReplyAsync(new ChatEvent.People(roster.ListUsers()), cancellationToken);
    }

    /// <summary>How to send what a page may send again, as when its node died before it could tell that this was done.</summary>
    private SendOptions Once(string? id) =>
        id?.Length > MaxIdLength ? throw new ChatException($"The id has {id.Length:N0} characters; {MaxIdLength:N0} are allowed.")
        : new() { IdempotencyKey = id is null ? null : $"{User}:{id}", OnBehalfOf = Connection };

    private static string Checked(string text) => string.IsNullOrWhiteSpace(text) ? throw new ChatException("There is no text.")
        : text.Length > MaxTextLength ? throw new ChatException($"The text has {text.Length:N0} characters; {MaxTextLength:N0} are allowed.")
        : text;

    private ValueTask RefuseAsync(string? command, string reason, string? room, bool temporary, CancellationToken cancellationToken) =>
        ReplyAsync(new ChatEvent.Refused(command, reason, room, temporary), cancellationToken);

    private ValueTask ReplyAsync(ChatEvent reply, CancellationToken cancellationToken) =>
        Connection.SendAsync(reply, ChatJson.Default.ChatEvent, cancellationToken);
}

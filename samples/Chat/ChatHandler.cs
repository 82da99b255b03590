using System.Net.WebSockets;
using System.Text.Json;
using DistributedSockets;
using Samples;

namespace Chat;

/// <summary>One connection of one user: does what the page asks for.</summary>
internal sealed class ChatHandler(IWebSocketRouter<ChatHandler> router, ISessionStore sessions, NodeInfo node, TimeProvider time) : WebSocketHandler
{
    private const WebSocketCloseStatus NameRefused = (WebSocketCloseStatus)4001;
    private const int MaxTextLength = 2_000;
    private const int MaxRooms = 50;

    private readonly HashSet<string> _rooms = new(StringComparer.Ordinal);

    public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) => Connection.UserId is { } user
        ? ReplyAsync(new ChatEvent.Welcome(user, Connection.Id, node.Name), cancellationToken)
        : Connection.CloseAsync(NameRefused, $"A name has {UserName.Rule}.", cancellationToken);

    public override async ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        if (Connection.UserId is not { } user)
        {
            return; // it is being closed
        }

        var command = Read(message);
        try
        {
            await (command switch
            {
                { Type: "say", Room: { } room, Text: { } text } => SayAsync(user, room, text, cancellationToken),
                { Type: "direct", To: { } to, Text: { } text } => SendDirectAsync(user, to, text, cancellationToken),
                { Type: "join", Room: { } room } => JoinAsync(room, cancellationToken),
                { Type: "leave", Room: { } room } => LeaveAsync(room, cancellationToken),
                { Type: "people" } => SendPeopleAsync(cancellationToken),
                { Type: "say" or "direct" or "join" or "leave" } => throw new ChatException(
                    "Something is missing: say needs room and text, direct needs to and text, join and leave need room."),
                { Type: { } type } => throw new ChatException($"Unknown command '{type}'. Known are say, direct, join, leave and people."),
                _ => throw new ChatException("A command is a text message with a JSON object that has a type."),
            });
        }
        catch (ChatException exception)
        {
            await RefuseAsync(command, exception.Message, temporary: false, cancellationToken);
        }
        catch (BackplaneUnavailableException)
        {
            await RefuseAsync(command, "The nodes cannot reach each other right now. At best, people on your own node got that.", temporary: true, cancellationToken);
        }
        catch (SessionStoreUnavailableException)
        {
            await RefuseAsync(command, "Who is online is not known right now.", temporary: true, cancellationToken);
        }
    }

    private async ValueTask SayAsync(string user, string room, string text, CancellationToken cancellationToken)
    {
        if (!_rooms.Contains(room))
        {
            throw new ChatException($"Join {room} before you say something there.");
        }

        var said = new ChatEvent.Said(room, user, Checked(text), time.GetUtcNow());
        await router.SendToGroupAsync(room, said, ChatJson.Default.ChatEvent, cancellationToken);
    }

    private async ValueTask SendDirectAsync(string user, string to, string text, CancellationToken cancellationToken)
    {
        if (!UserName.IsValid(to))
        {
            throw new ChatException($"A name has {UserName.Rule}.");
        }

        // To the sender too, so that all of their pages show it.
        var direct = new ChatEvent.Direct(user, to, Checked(text), time.GetUtcNow());
        await router.SendAsync(WebSocketTarget.Users([to, user]), direct, ChatJson.Default.ChatEvent, cancellationToken);

        if (!await sessions.IsOnlineAsync(router.Hub, to, cancellationToken))
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
        if (_rooms.Remove(room))
        {
            await router.RemoveFromGroupAsync(Connection.Id, room, cancellationToken);
        }

        await ReplyAsync(new ChatEvent.Left(room), cancellationToken);
    }

    private async ValueTask SendPeopleAsync(CancellationToken cancellationToken)
    {
        var nodes = await sessions.ListNodesAsync(cancellationToken);
        var names = nodes.ToDictionary(static n => n.NodeId, static n => n.Name, StringComparer.Ordinal);
        List<Person> people = [];
        await foreach (var session in sessions.ListAsync(SessionQuery.ForHub(router.Hub), cancellationToken))
        {
            if (session.UserId is { } user)
            {
                people.Add(new Person(session.ConnectionId, user, names.GetValueOrDefault(session.NodeId, session.NodeId)));
            }
        }

        await ReplyAsync(new ChatEvent.People(people), cancellationToken);
    }

    private static ChatCommand? Read(WebSocketMessage message)
    {
        try
        {
            return message.IsText ? JsonSerializer.Deserialize(message.Data.Span, ChatJson.Default.ChatCommand) : null;
        }
        catch (JsonException)
        {
            return null; // refused like any other unknown command
        }
    }

    private static string Checked(string text) => string.IsNullOrWhiteSpace(text) ? throw new ChatException("There is no text.")
        : text.Length > MaxTextLength ? throw new ChatException($"The text has {text.Length:N0} characters; {MaxTextLength:N0} are allowed.")
        : text;

    private ValueTask RefuseAsync(ChatCommand? command, string reason, bool temporary, CancellationToken cancellationToken) =>
        ReplyAsync(new ChatEvent.Refused(command?.Type, reason, command?.Room, temporary), cancellationToken);

    private ValueTask ReplyAsync(ChatEvent reply, CancellationToken cancellationToken) =>
        Connection.SendAsync(reply, ChatJson.Default.ChatEvent, cancellationToken);
}

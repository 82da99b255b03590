using System.Globalization;
using System.Net.WebSockets;

namespace DistributedSockets.WebPubSub;

/// <summary>Does what one client asks for, where it may.</summary>
internal sealed class ClientRequests(IWebSocketRouter router, WebSocketConnection connection, IClientEvents events)
{
    private const string SimpleEvent = "message";
    private const string ModeKey = "webpubsub_mode";
    private const string SendToGroupMode = "sendToGroup";
    private const string GroupKey = "group";

    private readonly string[] _own = [connection.Id];
    private IReadOnlyDictionary<string, string>? _properties;
    private ClientPermissions _permissions = ClientPermissions.None;

    /// <summary>Does it.</summary>
    /// <returns>Whether the client may; if it may not, nothing was done.</returns>
    /// <exception cref="EventFailedException">The app could not handle it.</exception>
    internal async ValueTask<bool> DoAsync(ClientRequest request, CancellationToken cancellationToken)
    {
        switch (request.Kind)
        {
            case ClientRequestKind.JoinGroup when IsAllowed(ClientPermission.JoinLeaveGroup, request.Group!): // requests about groups have one
                await router.AddToGroupAsync(connection.Id, GroupNames.ToCore(request.Group!), cancellationToken);
                return true;
            case ClientRequestKind.LeaveGroup when IsAllowed(ClientPermission.JoinLeaveGroup, request.Group!):
                await router.RemoveFromGroupAsync(connection.Id, GroupNames.ToCore(request.Group!), cancellationToken);
                return true;
            case ClientRequestKind.SendToGroup when IsAllowed(ClientPermission.SendToGroup, request.Group!):
                await SendToGroupAsync(request, cancellationToken);
                return true;
            case ClientRequestKind.Event:
                await AnswerAsync(await TellAsync(request, isInvocation: false, cancellationToken), cancellationToken);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Asks the app.</summary>
    /// <exception cref="EventFailedException">The app could not answer.</exception>
    internal ValueTask<ClientReply?> InvokeAsync(ClientRequest request, CancellationToken cancellationToken) =>
        TellAsync(request, isInvocation: true, cancellationToken);

    /// <summary>Takes a message of a client without a subprotocol: an event, or what its URL says.</summary>
    internal async ValueTask OfSimpleClientAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        var request = new ClientRequest
        {
            Kind = ClientRequestKind.Event,
            Event = SimpleEvent,
            DataType = message.IsText ? WebPubSubDataType.Text : WebPubSubDataType.Binary,
            Data = message.Data,
        };
        if (connection.Query[ModeKey] == SendToGroupMode)
        {
            var group = connection.Query[GroupKey].ToString();
            if (!GroupNames.IsValid(group))
            {
                return;
            }

            request = request with { Kind = ClientRequestKind.SendToGroup, Group = group };
        }

        try
        {
            await DoAsync(request, cancellationToken);
        }
        catch (Exception exception) when (exception is EventFailedException or BackplaneUnavailableException or MessageLogUnavailableException)
        {
            // It has no word for what went wrong, and goes on.
        }
    }

    private static WebSocketMessage Message(WebPubSubDataType type, ReadOnlyMemory<byte> data) =>
        new(data, type is WebPubSubDataType.Text or WebPubSubDataType.Json ? WebSocketMessageType.Text : WebSocketMessageType.Binary);

    private bool IsAllowed(ClientPermission permission, string group)
    {
        var properties = connection.Properties;
        if (!ReferenceEquals(properties, _properties)) // something was granted or taken
        {
            (_properties, _permissions) = (properties, ClientPermissions.FromProperties(properties));
        }

        return _permissions.Allows(permission, group);
    }

    private async ValueTask SendToGroupAsync(ClientRequest request, CancellationToken cancellationToken)
    {
        var options = new SendOptions
        {
            Metadata = new MessageMetadata
            {
                Group = request.Group, DataType = request.DataType, FromUserId = connection.UserId, Pairs = request.Metadata,
            }.Write(),
            ExcludedConnectionIds = request.NoEcho ? _own : [],
            TimeToLive = request.TimeToLive,
            OnBehalfOf = connection, // whose client repeats it elsewhere once its session goes on there
            IdempotencyKey = request.AckId is { } id ? string.Create(CultureInfo.InvariantCulture, $"{connection.Id}/{id}") : null,
        };
        await router.SendAsync(
            WebSocketTarget.Group(GroupNames.ToCore(request.Group!)), Message(request.DataType, request.Data), options, cancellationToken); // it has a group
    }

    private ValueTask<ClientReply?> TellAsync(in ClientRequest request, bool isInvocation, CancellationToken cancellationToken) => events.OnEventAsync(
        connection,
        new()
        {
            Name = request.Event!, // an event has a name
            DataType = request.DataType,
            Data = request.Data,
            Metadata = request.Metadata,
            IsInvocation = isInvocation,
        },
        cancellationToken);

    private async ValueTask AnswerAsync(ClientReply? reply, CancellationToken cancellationToken)
    {
        if (reply is { } answer)
        {
            // To a session it is logged by itself; what is not logged is queued in front of the ack.
            var options = new SendOptions { Metadata = new MessageMetadata { DataType = answer.DataType }.Write(), OnBehalfOf = connection };
            await router.SendAsync(WebSocketTarget.Connection(connection.Id), Message(answer.DataType, answer.Data), options, cancellationToken);
        }
    }
}

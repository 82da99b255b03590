using System.Text.Json.Nodes;

namespace DistributedSockets.WebPubSub;

/// <summary>The client of an event, as a handler sees it. For one call; not safe for concurrent use.</summary>
public class WebPubSubClientContext
{
    private readonly string _stateBefore;

    internal WebPubSubClientContext(in EventClient client, IServiceProvider services)
    {
        Hub = client.Hub;
        ConnectionId = client.ConnectionId;
        UserId = client.UserId;
        SubProtocol = client.SubProtocol;
        State = ClientState.Parse(client.State) ?? [];
        _stateBefore = State.ToJsonString();
        Services = services;
    }

    /// <summary>The hub, in lower case.</summary>
    public string Hub { get; }

    /// <summary>The connection id. It stays the same when the client comes back to its session.</summary>
    public string ConnectionId { get; }

    /// <summary>The user; <see langword="null"/> for an anonymous connection.</summary>
    public string? UserId { get; private protected set; }

    /// <summary>The subprotocol; <see langword="null"/> for a simple client.</summary>
    public string? SubProtocol { get; private protected set; }

    /// <summary>The connection's state: values of the app that stay with the session, on whichever node it goes on. Changes are kept when the handler has returned without an exception.</summary>
    /// <remarks>As JSON it may have 1,536 bytes of UTF-8. Webhooks see the same state.</remarks>
    public JsonObject State { get; }

    /// <summary>The services of the scope of this call.</summary>
    public IServiceProvider Services { get; }

    /// <summary>The state if the handler has changed it.</summary>
    internal string? ChangedState => State.ToJsonString() is var now && now != _stateBefore ? now : null;
}

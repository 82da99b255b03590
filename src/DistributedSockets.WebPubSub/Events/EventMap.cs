namespace DistributedSockets.WebPubSub;

/// <summary>Which handlers the app has. Filled while endpoints are mapped; read only afterwards.</summary>
internal sealed class EventMap
{
    private readonly Dictionary<(string? Hub, string Event), Func<WebPubSubEventContext, CancellationToken, ValueTask>> _events = [];
    private readonly Dictionary<string, Func<IServiceProvider, WebPubSubEventHandler>> _handlers = new(StringComparer.Ordinal);

    internal bool HasHandlers => _handlers.Count > 0;

    internal void Add(string? hub, string name, Func<WebPubSubEventContext, CancellationToken, ValueTask> handler)
    {
        if (!_events.TryAdd((hub, name), handler))
        {
            throw new InvalidOperationException($"The event '{name}' {(hub is null ? "of all hubs" : $"of the hub '{hub}'")} has a handler already. Remove one of the two calls of OnEvent.");
        }
    }

    internal void Add(string hub, Func<IServiceProvider, WebPubSubEventHandler> create)
    {
        if (!_handlers.TryAdd(hub, create))
        {
            throw new InvalidOperationException($"The hub '{hub}' has a handler already. Remove one of the two calls of UseHandler.");
        }
    }

    /// <summary>The handler of one event: that of the hub before that of all hubs.</summary>
    internal Func<WebPubSubEventContext, CancellationToken, ValueTask>? Event(string hub, string name) =>
        _events.GetValueOrDefault((hub, name)) ?? _events.GetValueOrDefault((null, name));

    internal Func<IServiceProvider, WebPubSubEventHandler>? Handler(string hub) => _handlers.GetValueOrDefault(hub);
}

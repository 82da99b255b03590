using System.Collections.Concurrent;

namespace DistributedSockets;

internal sealed class WebSocketRouterFactory(Hubs hubs, RouterServices services) : IWebSocketRouterFactory
{
    private readonly ConcurrentDictionary<string, WebSocketRouter> _routers = new(StringComparer.Ordinal);

    public IWebSocketRouter GetRouter(string hub)
    {
        HubName.Check(hub);
        return _routers.GetOrAdd(hub, static (name, factory) => new(factory.Hubs.Get(name), factory.Services), (Hubs: hubs, Services: services));
    }
}

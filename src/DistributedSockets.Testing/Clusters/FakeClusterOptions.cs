using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing;

/// <summary>The app that every node of a <see cref="FakeCluster"/> runs. Several calls of one kind add up.</summary>
public sealed class FakeClusterOptions
{
    private readonly List<Action<IServiceCollection>> _services = [];
    private readonly List<Action<IDistributedWebSocketsBuilder>> _sockets = [];
    private readonly List<Action<WebApplication>> _apps = [];

    /// <summary>The faults of the backplane, drawn for each node on its own. At first none. Later: <see cref="FakeNode.Backplane"/>.</summary>
    public FaultyBackplaneOptions Faults { get; } = new();

    /// <summary>Registers the app's services, as its <c>Program.cs</c> does. The backplane and the session store that it chooses are replaced.</summary>
    /// <param name="configure">Called for each node.</param>
    public FakeClusterOptions ConfigureServices(Action<IServiceCollection> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _services.Add(configure);
        return this;
    }

    /// <summary>Changes the distributed WebSockets after all else. A backplane or session store chosen here is used.</summary>
    /// <param name="configure">Called for each node.</param>
    public FakeClusterOptions ConfigureSockets(Action<IDistributedWebSocketsBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _sockets.Add(configure);
        return this;
    }

    /// <summary>Adds middleware and maps endpoints, as <c>Program.cs</c> does.</summary>
    /// <param name="configure">Called for each node.</param>
    public FakeClusterOptions ConfigureApp(Action<WebApplication> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _apps.Add(configure);
        return this;
    }

    internal void Apply(IServiceCollection services) => _services.ForEach(configure => configure(services));

    internal void Apply(IDistributedWebSocketsBuilder sockets) => _sockets.ForEach(configure => configure(sockets));

    internal void Apply(WebApplication app) => _apps.ForEach(configure => configure(app));
}

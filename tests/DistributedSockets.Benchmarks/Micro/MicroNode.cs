using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>A running node in this process, whose connections lead nowhere.</summary>
internal sealed class MicroNode : IDisposable
{
    private static readonly Sink s_nowhere = new();

    private readonly IHost _host;
    private readonly ConnectionServices _connections;

    public MicroNode(Action<DistributedWebSocketsOptions>? options = null, Action<IDistributedWebSocketsBuilder>? build = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        var sockets = builder.Services.AddDistributedWebSockets(options);
        build?.Invoke(sockets);
        _host = builder.Build();
        _host.Start();
        _connections = Services.GetRequiredService<ConnectionServices>();
        Hub = Services.GetRequiredService<Hubs>().Get(Router.Hub);
    }

    public IServiceProvider Services => _host.Services;

    public IWebSocketRouter Router => Services.GetRequiredService<IWebSocketRouter>();

    public HubConnections Hub { get; }

    /// <summary>A connection that no hub knows yet.</summary>
    public Connection Create(string? user = null, PipeWriter? output = null) => new(
        new DefaultHttpContext(),
        WebSocket.CreateFromStream(Stream.Null, new()),
        new TapStream(Stream.Null, output ?? s_nowhere, TimeProvider.System),
        Hub.Name,
        user,
        _connections);

    public Connection[] Create(int count) => [.. Enumerable.Range(0, count).Select(_ => Create())];

    /// <summary>Adds connections to the hub: a user each, and all in one group per ten.</summary>
    public void Add(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var connection = Create($"user{i}");
            Hub.Add(connection);
            Hub.AddToGroup(connection, $"group{i / 10}", int.MaxValue);
        }
    }

    public void Dispose() => _host.Dispose();
}

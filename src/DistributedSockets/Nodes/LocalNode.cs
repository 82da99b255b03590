using System.Reflection;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>This node: who it is, and whether it runs.</summary>
internal sealed class LocalNode
{
    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private volatile bool _started;
    private volatile bool _draining;

    public LocalNode(IOptions<DistributedWebSocketsOptions> options, IOptions<DistributedWebSocketsClusterOptions> cluster, TimeProvider time)
    {
        var name = options.Value.NodeName;
        Info = new()
        {
            NodeId = $"{name}-{RandomNumberGenerator.GetString(IdAlphabet, 10)}",
            Name = name,
            StartedAt = time.GetUtcNow(),
            Version = AssemblyVersion.Of(typeof(LocalNode).Assembly),
            AppVersion = AssemblyVersion.Of(Assembly.GetEntryAssembly()),
            Routing = cluster.Value.Routing == RoutingStrategy.Broadcast ? "broadcast" : "interest",
        };
    }

    internal NodeInfo Info { get; }

    internal bool IsStarted
    {
        get => _started;
        set => _started = value;
    }

    internal bool IsDraining
    {
        get => _draining;
        set => _draining = value;
    }

    internal void ThrowIfNotStarted()
    {
        if (!_started)
        {
            throw new InvalidOperationException(
                "The node is not running. Use the router after the host has started (app.Start, app.Run or host.StartAsync) and before it has stopped.");
        }
    }
}

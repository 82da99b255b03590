using System.Diagnostics;

namespace DistributedSockets.TestServers;

/// <summary>One node of a <see cref="RedisCluster"/>. What it knows of the cluster stays over restarts, its data does not.</summary>
public sealed class RedisClusterNode : RespServer
{
    private DirectoryInfo? _directory;
    private int _busPort;

    /// <inheritdoc/>
    public override bool IsAvailable => RedisServer.IsInstalled;

    /// <summary>The port at which the nodes talk to each other.</summary>
    public int BusPort => _busPort;

    /// <summary>The name that the node has given itself.</summary>
    public string Id { get; internal set; } = "";

    /// <inheritdoc/>
    protected override string Name => "redis-cluster-node";

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port)
    {
        _directory ??= Directory.CreateTempSubdirectory("redis-cluster-");
        if (Port == 0)
        {
            _busPort = FindFreePort(); // kept as the other one is, for the other nodes know both
        }

        return new(
            RedisServer.Program,
            [
                "--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _directory.FullName,
                "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", $"{_busPort}",
                "--cluster-node-timeout", $"{RedisCluster.NodeTimeout.TotalMilliseconds}", "--cluster-replica-validity-factor", "0",
                "--repl-diskless-sync-delay", "0", .. ExtraArguments,
            ]);
    }

    /// <inheritdoc/>
    protected override bool IsOurs(int processId, string info) => RedisServer.IsFrom(processId, info);

    /// <inheritdoc/>
    protected override void DeleteFiles()
    {
        _directory?.Delete(recursive: true);
        _directory = null;
    }
}

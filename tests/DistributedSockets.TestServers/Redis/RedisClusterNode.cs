using System.Diagnostics;
using System.Globalization;

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

    /// <summary>Whether this node says that it is the primary of a slot.</summary>
    /// <param name="slot">The slot.</param>
    public async Task<bool> OwnsAsync(int slot)
    {
        var line = (await LinesAsync()).Single(static line => line[2].StartsWith("myself", StringComparison.Ordinal));
        return line[2].Contains("master", StringComparison.Ordinal) && line.Skip(8).Any(range =>
            !range.StartsWith('[')
            && range.Split('-') is var ends
            && int.Parse(ends[0], CultureInfo.InvariantCulture) <= slot
            && int.Parse(ends[^1], CultureInfo.InvariantCulture) >= slot);
    }

    /// <summary>What the node says of all nodes, in fields.</summary>
    internal async Task<string[][]> LinesAsync() =>
        [.. (await BulkAsync("CLUSTER", "NODES")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split(' '))];

    /// <summary>Asks for one string.</summary>
    internal async Task<string> BulkAsync(params string[] command)
    {
        var answer = await CommandAsync(command);
        return answer[(answer.IndexOf('\n') + 1)..].TrimEnd('\r', '\n');
    }

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
                "--repl-diskless-sync", "no", // or a replica that has just been synchronized hears nothing more until its first acknowledgement, up to a second later
                .. ExtraArguments,
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

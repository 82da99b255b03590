using System.Globalization;

namespace DistributedSockets.TestServers;

/// <summary>A Redis Cluster of three primaries with one replica each, six processes on free loopback ports.</summary>
/// <remarks>Use it as an xUnit fixture, or <c>await using</c> it after <see cref="InitializeAsync"/>. A test that harms it starts its own.</remarks>
public sealed class RedisCluster : IAsyncLifetime
{
    /// <summary>After how long without an answer a node counts as lost.</summary>
    public static readonly TimeSpan NodeTimeout = TimeSpan.FromSeconds(1.5);

    private const int Primaries = 3;
    private const int Slots = 16_384;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly RedisClusterNode[] _nodes = [.. Enumerable.Range(0, Primaries * 2).Select(static _ => new RedisClusterNode())];

    /// <summary>All nodes: at first three primaries, and then the replica of each in the same order.</summary>
    public IReadOnlyList<RedisClusterNode> Nodes => _nodes;

    /// <summary>Called when all nodes run, before they become a cluster.</summary>
    public Action? WhenStarted { get; init; }

    /// <summary>The StackExchange.Redis connection string: all nodes.</summary>
    public string ConnectionString => string.Join(',', _nodes.Select(static node => node.EndPoint));

    /// <summary>Starts every node that does not run, and waits until all agree.</summary>
    public async Task RestartAsync()
    {
        await Task.WhenAll(_nodes.Where(static node => !node.IsRunning).Select(static node => node.StartAsync()));
        await SettledAsync();
    }

    /// <summary>Kills all nodes.</summary>
    public Task KillAsync() => Task.WhenAll(_nodes.Where(static node => node.IsRunning).Select(static node => node.KillAsync()));

    /// <summary>Skips the running test if the machine lacks <c>redis-server</c>; fails it in continuous integration.</summary>
    public void SkipUnlessAvailable() => _nodes[0].SkipUnlessAvailable();

    /// <summary>Starts a cluster for one test alone, or skips the test where the machine has none.</summary>
    public static async Task<RedisCluster> StartAsync()
    {
        var cluster = new RedisCluster();
        cluster.SkipUnlessAvailable();
        try
        {
            await cluster.InitializeAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts all, and returns when they are a cluster.</summary>
    public async ValueTask InitializeAsync()
    {
        if (!RedisServer.IsInstalled)
        {
            return;
        }

        await Task.WhenAll(_nodes.Select(static node => node.StartAsync()));
        WhenStarted?.Invoke();
        for (var i = 0; i < _nodes.Length; i++)
        {
            _nodes[i].Id = await _nodes[i].BulkAsync("CLUSTER", "MYID");
            await OkAsync(_nodes[i], "CLUSTER", "SET-CONFIG-EPOCH", $"{i + 1}");
            if (i < Primaries)
            {
                await OkAsync(_nodes[i], "CLUSTER", "ADDSLOTSRANGE", $"{i * Slots / Primaries}", $"{(i + 1) * Slots / Primaries - 1}");
            }
        }

        foreach (var node in _nodes.Skip(1))
        {
            await OkAsync(_nodes[0], "CLUSTER", "MEET", "127.0.0.1", $"{node.Port}", $"{node.BusPort}");
        }

        foreach (var node in _nodes)
        {
            await UntilAsync(node, "cluster_state:ok", "CLUSTER", "INFO");
            await UntilAsync(node, $"cluster_known_nodes:{_nodes.Length}", "CLUSTER", "INFO");
        }

        for (var i = 0; i < Primaries; i++)
        {
            await UntilAnswerAsync(_nodes[Primaries + i], static answer => answer.StartsWith("+OK", StringComparison.Ordinal), "CLUSTER", "REPLICATE", _nodes[i].Id);
        }

        await SettledAsync();
    }

    /// <summary>Waits until all nodes that run agree: no primary is missing, and replicas are up to date.</summary>
    public async Task SettledAsync()
    {
        var running = _nodes.Where(static node => node.IsRunning).ToArray();
        foreach (var node in running)
        {
            await UntilAsync(node, "cluster_state:ok", "CLUSTER", "INFO");
            await UntilAnswerAsync(
                node,
                static answer => answer.Contains("role:master", StringComparison.Ordinal) || answer.Contains("master_link_status:up", StringComparison.Ordinal),
                "INFO", "replication");
        }

        var started = TimeProvider.System.GetTimestamp();
        while ((await Task.WhenAll(running.Select(RolesAsync))).Distinct().Count() > 1)
        {
            await PauseAsync(started, "the nodes to agree on who is who");
        }
    }

    /// <summary>The node that owns a slot, by what the running nodes say.</summary>
    /// <param name="slot">The slot.</param>
    public async Task<RedisClusterNode> OwnerAsync(int slot)
    {
        foreach (var node in _nodes.Where(static node => node.IsRunning))
        {
            if (await node.OwnsAsync(slot))
            {
                return node;
            }
        }

        throw new TestServerException($"No node owns the slot {slot}.");
    }

    /// <summary>The slot of a key.</summary>
    /// <param name="key">The key.</param>
    public async Task<int> SlotOfAsync(string key) => int.Parse((await _nodes[0].CommandAsync("CLUSTER", "KEYSLOT", key)).Trim(':', '\r', '\n'), CultureInfo.InvariantCulture);

    /// <summary>The replica of a node, which takes over if the node is lost.</summary>
    /// <param name="primary">The node.</param>
    public async Task<RedisClusterNode> ReplicaOfAsync(RedisClusterNode primary)
    {
        foreach (var line in await primary.LinesAsync())
        {
            if (line[3] == primary.Id)
            {
                return _nodes.Single(node => node.Id == line[0]);
            }
        }

        throw new TestServerException($"{primary.EndPoint} has no replica.");
    }

    /// <summary>Waits until a node owns a slot and all running nodes know it.</summary>
    /// <param name="node">The node.</param>
    /// <param name="slot">The slot.</param>
    public async Task UntilOwnerAsync(RedisClusterNode node, int slot)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await node.OwnsAsync(slot))
        {
            await PauseAsync(started, $"{node.EndPoint} to own the slot {slot}");
        }

        await SettledAsync();
    }

    /// <summary>Moves a slot, with its keys, to another primary, as a rebalancing does.</summary>
    /// <remarks>Moved again before all nodes have heard of it, a slot may end up with no owner.</remarks>
    /// <param name="slot">The slot.</param>
    /// <param name="target">Its new owner.</param>
    public async Task MigrateAsync(int slot, RedisClusterNode target)
    {
        var source = await OwnerAsync(slot);
        await OkAsync(target, "CLUSTER", "SETSLOT", $"{slot}", "IMPORTING", source.Id);
        await OkAsync(source, "CLUSTER", "SETSLOT", $"{slot}", "MIGRATING", target.Id);
        while (await source.CommandAsync("CLUSTER", "GETKEYSINSLOT", $"{slot}", "100") is var answer && !answer.StartsWith("*0", StringComparison.Ordinal))
        {
            var lines = answer.Split("\r\n");
            foreach (var key in lines.Where((_, index) => index > 0 && index % 2 == 0 && lines[index].Length > 0))
            {
                await OkAsync(source, "MIGRATE", "127.0.0.1", $"{target.Port}", key, "0", "10000");
            }
        }

        await OkAsync(target, "CLUSTER", "SETSLOT", $"{slot}", "NODE", target.Id);
        await OkAsync(source, "CLUSTER", "SETSLOT", $"{slot}", "NODE", target.Id);
        await SettledAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    /// <summary>Who is primary or replica of whom, without those that are lost.</summary>
    private static async Task<string> RolesAsync(RedisClusterNode node) => string.Join(
        '\n',
        (await node.LinesAsync())
            .Where(static line => !line[2].Contains("fail", StringComparison.Ordinal))
            .Select(static line => string.Join(' ', [line[0], line[3], .. line.Skip(8)]))
            .Order(StringComparer.Ordinal));

    private static async Task OkAsync(RedisClusterNode node, params string[] command)
    {
        var answer = await node.CommandAsync(command);
        if (!answer.StartsWith("+OK", StringComparison.Ordinal) && !answer.StartsWith("+NOKEY", StringComparison.Ordinal))
        {
            throw new TestServerException($"{node.EndPoint} answered to {string.Join(' ', command)}: {answer}");
        }
    }

    private static Task UntilAsync(RedisClusterNode node, string expected, params string[] command) =>
        UntilAnswerAsync(node, answer => answer.Contains(expected, StringComparison.Ordinal), command);

    private static async Task UntilAnswerAsync(RedisClusterNode node, Func<string, bool> condition, params string[] command)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await node.CommandAsync(command) is var answer && !condition(answer))
        {
            await PauseAsync(started, $"{node.EndPoint} to answer otherwise to {string.Join(' ', command)} than {answer}");
        }
    }

    private static Task PauseAsync(long started, string expectation) => TimeProvider.System.GetElapsedTime(started) < TestServer.Guard
        ? Task.Delay(PollInterval)
        : throw new TestServerException($"Waited in vain for {expectation}.");
}

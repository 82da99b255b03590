using System.Globalization;

namespace DistributedSockets.TestServers;

/// <summary>A primary, its replicas and three sentinels that watch them, each in a process of its own on a free loopback port.</summary>
public sealed class SentinelGroup : IAsyncDisposable
{
    /// <summary>What the sentinels call the primary and its replicas.</summary>
    public const string Service = "main";

    internal static readonly TimeSpan DownAfter = TimeSpan.FromSeconds(1.5);
    internal static readonly TimeSpan FailoverTimeout = TimeSpan.FromSeconds(5);

    private const int Sentinels = 3;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly RedisServer[] _servers;
    private RedisSentinel[] _sentinels = [];

    private SentinelGroup(int replicas) => _servers = [.. Enumerable.Range(0, 1 + replicas).Select(static _ => new RedisServer())];

    /// <summary>The primary and the replicas, whoever is which by now.</summary>
    public IReadOnlyList<RedisServer> Servers => _servers;

    /// <summary>The StackExchange.Redis connection string: all sentinels and the name of the service.</summary>
    public string ConnectionString => $"{string.Join(',', _sentinels.Select(static sentinel => sentinel.EndPoint))},serviceName={Service}";

    /// <summary>Starts all, and returns when the sentinels know each other and the replicas, so that they can fail over.</summary>
    /// <param name="replicas">How many replicas.</param>
    public static async Task<SentinelGroup> StartAsync(int replicas = 1)
    {
        var group = new SentinelGroup(replicas);
        try
        {
            await group.StartAllAsync();
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>Which server the sentinels take for the primary.</summary>
    public async Task<RedisServer> PrimaryAsync()
    {
        var answer = await _sentinels[0].CommandAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Service);
        var port = int.Parse(answer.Split("\r\n")[4], CultureInfo.InvariantCulture); // *2, $9, the address, $5, the port
        return _servers.Single(server => server.Port == port);
    }

    /// <summary>Tells a sentinel to make a replica the primary, though the primary is well.</summary>
    public Task<string> FailOverAsync() => _sentinels[0].CommandAsync("SENTINEL", "FAILOVER", Service);

    /// <summary>Kills all sentinels. They would not do if paused: a sentinel that finds itself late does nothing for half a minute.</summary>
    public Task KillSentinelsAsync() => Task.WhenAll(_sentinels.Select(static sentinel => sentinel.KillAsync()));

    /// <summary>Starts the sentinels again, with what they know.</summary>
    public Task RestartSentinelsAsync() => Task.WhenAll(_sentinels.Select(static sentinel => sentinel.StartAsync()));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The sentinels first: they would look for a new primary as the servers go.
        foreach (var server in _sentinels.Concat<RespServer>(_servers))
        {
            await server.DisposeAsync();
        }
    }

    private static async Task UntilAsync(RespServer server, string expected, params string[] command)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await server.CommandAsync(command) is var answer && !answer.Contains(expected, StringComparison.Ordinal))
        {
            if (TimeProvider.System.GetElapsedTime(started) > RespServer.Guard)
            {
                throw new TestServerException($"{string.Join(' ', command)} never held {expected}, last: {answer}");
            }

            await Task.Delay(PollInterval);
        }
    }

    private async Task StartAllAsync()
    {
        await _servers[0].StartAsync();
        foreach (var replica in _servers[1..])
        {
            replica.ExtraArguments.Add("--replicaof");
            replica.ExtraArguments.Add("127.0.0.1");
            replica.ExtraArguments.Add($"{_servers[0].Port}");
            await replica.StartAsync();
        }

        foreach (var replica in _servers[1..])
        {
            await UntilAsync(replica, "master_link_status:up", "INFO", "replication");
        }

        _sentinels = [.. Enumerable.Range(0, Sentinels).Select(_ => new RedisSentinel(Service, _servers[0].Port))];
        foreach (var sentinel in _sentinels)
        {
            await sentinel.StartAsync();
        }

        foreach (var sentinel in _sentinels)
        {
            await UntilAsync(sentinel, $"OK {Sentinels} usable Sentinels", "SENTINEL", "CKQUORUM", Service);
            await UntilAsync(sentinel, $"slaves={_servers.Length - 1}", "INFO", "sentinel");
        }
    }
}

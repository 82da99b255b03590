namespace DistributedSockets.TestServers;

/// <summary>Three Redis servers that know nothing of each other.</summary>
public sealed class RedisServers : IAsyncLifetime
{
    /// <summary>The servers.</summary>
    public IReadOnlyList<RedisServer> All { get; } = [new(), new(), new()];

    /// <summary>Where they are, as <c>HOST:PORT,…</c>.</summary>
    public string EndPoints => string.Join(',', All.Select(static server => server.EndPoint));

    /// <summary>Starts them for one test alone, or skips it where the machine has none.</summary>
    public static async Task<RedisServers> StartAsync()
    {
        var servers = new RedisServers();
        servers.SkipUnlessAvailable();
        await servers.InitializeAsync();
        return servers;
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => await EachAsync(static server => server.InitializeAsync().AsTask());

    /// <summary>Skips the running test if the machine has no <c>redis-server</c>.</summary>
    public void SkipUnlessAvailable() => All[0].SkipUnlessAvailable();

    /// <summary>Does the same with each of them at once.</summary>
    /// <param name="action">What to do.</param>
    public Task EachAsync(Func<RedisServer, Task> action) => Task.WhenAll(All.Select(action));

    /// <summary>The server that has subscribers of a channel, and must be the only one.</summary>
    /// <param name="channel">The channel.</param>
    public async Task<RedisServer> OfAsync(string channel)
    {
        var counts = await Task.WhenAll(All.Select(server => server.CommandAsync("PUBSUB", "NUMSUB", channel)));
        return Assert.Single(All.Where((_, i) => !counts[i].EndsWith(":0\r\n", StringComparison.Ordinal)));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var server in All)
        {
            await server.DisposeAsync();
        }
    }
}

using System.Text.Json;

namespace DistributedSockets.TestServers;

/// <summary>Servers that form one NATS cluster on loopback.</summary>
public sealed class NatsCluster : IAsyncDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    private NatsCluster(NatsServer[] servers) => Servers = servers;

    /// <summary>The servers.</summary>
    public IReadOnlyList<NatsServer> Servers { get; }

    /// <summary>The addresses of all, separated by commas.</summary>
    public string Urls => string.Join(',', Servers.Select(static server => server.Url));

    /// <summary>Starts a cluster, and returns when each server knows all; skips the test where the machine has no server.</summary>
    /// <param name="count">How many servers.</param>
    /// <param name="configuration">The configuration file of each, if any.</param>
    /// <param name="hasJetStream">Whether they have JetStream.</param>
    public static async Task<NatsCluster> StartAsync(int count, string? configuration = null, bool hasJetStream = false)
    {
        var cluster = new NatsCluster([.. Enumerable.Range(0, count).Select(_ => new NatsServer { Configuration = configuration, HasJetStream = hasJetStream })]);
        cluster.Servers[0].SkipUnlessAvailable();
        var name = $"test-{Guid.NewGuid():N}";
        foreach (var server in cluster.Servers)
        {
            server.FindClusterPort();
        }

        foreach (var server in cluster.Servers)
        {
            // Also the first names the others, as JetStream wants it.
            server.JoinCluster(name, cluster.Servers.Where(other => other != server).Select(static other => other.ClusterEndPoint));
            await server.StartAsync();
        }

        await cluster.WaitUntilCompleteAsync();
        return cluster;
    }

    /// <summary>Returns when each running server knows all running ones.</summary>
    public async Task WaitUntilCompleteAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        NatsServer[] running = [.. Servers.Where(static server => server.IsRunning)];
        foreach (var server in running)
        {
            while (await server.ReadInfoAsync() is var info && !running.All(other => info.Contains(other.EndPoint, StringComparison.Ordinal)))
            {
                if (TimeProvider.System.GetElapsedTime(started) > TestServer.Guard)
                {
                    throw new TestServerException($"The servers of a cluster did not find each other; {server.EndPoint} says: {info}");
                }

                await Task.Delay(PollInterval);
            }
        }
    }

    /// <summary>The server that leads a stream of JetStream.</summary>
    /// <param name="stream">What stands in the stream's name in front of a number.</param>
    public async Task<NatsServer> LeaderAsync(string stream)
    {
        using var names = JsonDocument.Parse(await Servers[0].RequestAsync("$JS.API.STREAM.NAMES"));
        var name = names.RootElement.GetProperty("streams").EnumerateArray().Select(static name => name.GetString()!)
            .Single(name => name.StartsWith(stream, StringComparison.Ordinal) && name.AsSpan(stream.Length).IndexOfAnyExceptInRange('0', '9') < 0);
        using var info = JsonDocument.Parse(await Servers[0].RequestAsync($"$JS.API.STREAM.INFO.{name}"));
        var leader = info.RootElement.GetProperty("cluster").GetProperty("leader").GetString();
        return Servers.Single(server => server.ServerName == leader);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers)
        {
            await server.DisposeAsync();
        }
    }
}

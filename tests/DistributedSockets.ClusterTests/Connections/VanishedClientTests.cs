namespace DistributedSockets.ClusterTests;

/// <summary>Clients that are gone without their network saying so: pings find out, and then every node knows.</summary>
public sealed class VanishedClientTests(SharedCluster shared) : IAsyncLifetime
{
    private const int PayloadBytes = 60_000;

    private readonly string _prefix = SharedCluster.Unique("vanished");
    private readonly string _user = SharedCluster.Unique("user");
    private TestNodeProcess? _other;

    /// <summary>The node that the clients are not connected to.</summary>
    private TestNodeProcess Other => _other!; // started before any test

    public async ValueTask InitializeAsync() => _other = await TestNodeProcess.StartAsync(
        new NodeSettings { Name = "other", Redis = shared.Redis, IsPatient = true, Prefix = _prefix });

    public async ValueTask DisposeAsync()
    {
        if (_other is not null)
        {
            await _other.DisposeAsync();
        }
    }

    [Fact]
    public async Task VanishesWithoutFin_WhileIdle_IsCutAndItsSessionEndsForAllNodes()
    {
        await using var node = await StartPingingAsync();
        await using var proxy = FaultProxy.Start(node.Address.Authority);
        await using var witness = await Witness.StartAsync(node);
        await using var client = await OpenAsync(node, proxy);

        proxy.Swallow(FaultDirection.ToServer);
        proxy.Swallow(FaultDirection.ToClient);

        await AssertEndedAsync(client.ConnectionId);
        Assert.True(await witness.StopAsync() > 0);
    }

    [Fact]
    public async Task VanishesWithoutFin_WhileMuchIsSentToIt_IsCutAndWhatWaitsIsReleased()
    {
        await using var node = await StartPingingAsync(timeout: "00:00:05");
        await using var proxy = FaultProxy.Start(node.Address.Authority);
        await using var witness = await Witness.StartAsync(node);
        await using var client = await OpenAsync(node, proxy);
        var payload = new string('x', PayloadBytes);

        proxy.Hold(FaultDirection.ToClient);
        await Guard.UntilAsync(
            async () =>
            {
                await node.SendAsync($"user/{_user}", payload);
                await client.SendTextAsync("Istill here");
                return await node.MetricAsync("distributed_sockets.outbound_queue.bytes") > 1_000_000;
            },
            "TCP takes no more");
        proxy.Swallow(FaultDirection.ToServer);

        await AssertEndedAsync(client.ConnectionId);
        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.outbound_queue.bytes") == 0, "nothing waits any more");
        Assert.Equal(0, await node.MetricAsync("distributed_sockets.dropped_frames")); // it was not the queue that ended it
        Assert.True(await witness.StopAsync() > 0);
    }

    private Task<TestNodeProcess> StartPingingAsync(string timeout = "00:00:03") => TestNodeProcess.StartAsync(new NodeSettings
    {
        Name = "pinging",
        Redis = shared.Redis,
        IsPatient = true,
        Prefix = _prefix,
        Options = new Dictionary<string, string> { ["KeepAliveInterval"] = "00:00:01", ["KeepAliveTimeout"] = timeout },
    });

    private async Task<RawClient> OpenAsync(TestNodeProcess node, FaultProxy proxy)
    {
        var port = int.Parse(proxy.EndPoint.Split(':')[1], null);
        var client = await RawClient.OpenAsync(new UriBuilder(node.Endpoint(_user)) { Port = port }.Uri);
        await Guard.UntilAsync(() => Other.IsOnlineAsync(_user), "the user is online");
        return client;
    }

    private async Task AssertEndedAsync(string connectionId)
    {
        await Guard.UntilAsync(async () => !await Other.IsOnlineAsync(_user), "the user is offline");
        await Guard.UntilAsync(() => Other.SessionsAsync($"user={_user}"), static sessions => sessions.Length == 0, $"session {connectionId} is gone");
    }
}

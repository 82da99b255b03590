using System.Net;
using System.Text.Json;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes whose messages are logged in Redis, which they lose and find again.</summary>
public sealed class RedisLogOutageTests : IAsyncLifetime
{
    private readonly RedisFixture _redis = new();
    private readonly string _group = SharedCluster.Unique("group");
    private FaultProxy _link = null!; // set by InitializeAsync
    private TestNodeProcess[] _nodes = [];

    private TestNodeProcess Near => _nodes[0];

    private TestNodeProcess Far => _nodes[1];

    public async ValueTask InitializeAsync()
    {
        await _redis.InitializeAsync();
        _link = FaultProxy.Start(_redis.EndPoint);
        _nodes = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "near", Redis = _redis.EndPoint, Log = true }, new NodeSettings { Name = "far", Redis = _link.EndPoint, Log = true });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _link.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task LinkOfANode_CutAgainAndAgain_NothingThatIsLoggedIsMissing()
    {
        const int Messages = 300;
        await using var near = await Near.ConnectAsync("near", _group);
        await using var far = await Far.ConnectAsync("far", _group);

        for (var i = 0; i < Messages; i++)
        {
            if (i % 50 == 25)
            {
                _link.Cut();
            }

            Assert.Equal(HttpStatusCode.Accepted, await Near.SendAsync($"group/{_group}", $"{i}"));
        }

        foreach (var client in new[] { near, far })
        {
            for (var i = 0; i < Messages; i++)
            {
                await client.ExpectAsync($"{i}");
            }
        }

        Assert.DoesNotContain(await Far.EventsAsync(), static happened => $"{happened}".Contains("MessageLog", StringComparison.Ordinal));
        using var history = await Near.Http.GetAsync($"/history/group/{_group}?limit=2", TestContext.Current.CancellationToken);
        var page = JsonDocument.Parse(await history.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal(["298", "299"], page.GetProperty("messages").EnumerateArray().Select(static message => message.GetProperty("text").GetString()));
    }

    [Fact]
    public async Task Redis_Away_ALoggedSendReachesNobodyAndLaterOnesGoOn()
    {
        await using var near = await Near.ConnectAsync("near", _group);
        await using var far = await Far.ConnectAsync("far", _group);
        Assert.Equal(HttpStatusCode.Accepted, await Near.SendAsync($"group/{_group}", "before"));
        await near.ExpectAsync("before");
        await far.ExpectAsync("before");

        await _redis.Server.StopAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await Near.SendAsync($"group/{_group}", "lost"));
        await _redis.Server.StartAsync();
        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
        }

        Assert.Equal(HttpStatusCode.Accepted, await Near.SendAsync($"group/{_group}", "after"));
        await near.ExpectAsync("after");
        await far.ExpectAsync("after");
    }
}

using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests.Sessions;

/// <summary>The app's own properties of a session: their limits, and who sees them when.</summary>
public sealed class SessionPropertiesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Properties that are refused, and a part of the reason.</summary>
    public static TheoryData<Dictionary<string, string>, string> Refused => new()
    {
        { new() { [""] = "x" }, "no name" },
        { new() { ["x"] = null! }, "'x' has no value" },
        { new() { [new('x', 65)] = "" }, "65 bytes of UTF-8; it may have 64" },
        { new() { [string.Concat(Enumerable.Repeat("\u00e9", 33))] = "" }, "66 bytes of UTF-8; it may have 64" },
        { new() { ["\ud83d"] = "" }, "surrogate" },
        { new() { ["x"] = new('x', 257) }, "'x' has 257 bytes of UTF-8; it may have 256" },
        { new() { ["x"] = string.Concat(Enumerable.Repeat("\ud83d\ude80", 65)) }, "260 bytes" },
        { new() { ["x"] = "a\ude80" }, "surrogate" },
        { Enumerable.Range(0, 17).ToDictionary(static i => $"p{i}", static _ => ""), "may have 16 properties" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Copy_BeyondALimit_SaysWhichAndWhatToDo(Dictionary<string, string> properties, string reason)
    {
        var refused = Assert.Throws<ArgumentException>(() => SessionProperties.Copy(properties));

        Assert.Equal("properties", refused.ParamName);
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("xxxxx", refused.Message); // values may be anything
    }

    [Fact]
    public void Copy_AtTheLimits_IsACopyThatNobodyChanges()
    {
        var properties = Enumerable.Range(10, SessionProperties.MaxCount).ToDictionary(static i => $"{i}{new string('x', SessionProperties.MaxNameBytes - 2)}", static _ => new string('v', SessionProperties.MaxValueBytes));

        var copy = SessionProperties.Copy(properties);
        Assert.Equal(properties, copy);
        properties.Clear();
        Assert.Equal(SessionProperties.MaxCount, copy.Count);
        Assert.Throws<NotSupportedException>(() => ((IDictionary<string, string>)copy).Clear());
        Assert.Empty(SessionProperties.Copy(properties));
    }

    [Fact]
    public async Task SetProperties_ByTheHandler_AreSeenFromAnotherNodeAndChangeInOrder()
    {
        var cluster = new InMemoryCluster();
        await using var node = await AppNode.StartAsync(cluster);
        await using var other = await AppNode.StartAsync(cluster);
        node.Probe.OnConnected = static connection => connection.SetPropertiesAsync(new Dictionary<string, string> { ["name"] = "Alice" }, Cancellation);
        await using var client = await node.ConnectAsync("alice");
        var id = client.Id;
        var directory = other.Services.GetRequiredService<ISessionDirectory<ProbeHandler>>();
        await Eventually.TrueAsync(async () => (await directory.FindAsync(id, Cancellation))?.Properties is { Count: 1 } found && found["name"] == "Alice", "the other node sees the name");

        var connection = node.Probe.Connections[id];
        await other.Router.AddToGroupAsync(id, "red", Cancellation);
        for (var i = 0; i < 100; i++)
        {
            await connection.SetPropertiesAsync(new Dictionary<string, string>(connection.Properties) { ["status"] = $"{i}" }, Cancellation);
        }

        await Eventually.TrueAsync(
            async () => (await directory.FindAsync(id, Cancellation))?.Properties is { Count: 2 } found && found["name"] == "Alice" && found["status"] == "99", "the last change is seen");
        Assert.Equal(["red"], (await directory.FindAsync(id, Cancellation))!.Groups);
        Assert.Equal("99", connection.Properties["status"]);

        await Assert.ThrowsAsync<ArgumentException>(async () => await connection.SetPropertiesAsync(new Dictionary<string, string> { [""] = "" }, Cancellation));
        Assert.Equal(2, connection.Properties.Count);
    }

    [Fact]
    public async Task SetProperties_AfterTheEnd_DoNothing()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync("alice");
        var id = client.Id;
        var connection = node.Probe.Connections[id];
        await client.DisposeAsync();
        await node.Probe.Disconnected(id).Task.WithinGuardAsync();

        await connection.SetPropertiesAsync(new Dictionary<string, string> { ["late"] = "" }, Cancellation);

        Assert.Empty(connection.Properties);
        var directory = node.Services.GetRequiredService<ISessionDirectory<ProbeHandler>>();
        await Eventually.TrueAsync(async () => await directory.CountAsync(Cancellation) == 0, "the session has ended");
        Assert.Null(await directory.FindAsync(id, Cancellation));
    }

    [Fact]
    public async Task TrySetProperties_OfAConnectionOfAnotherNode_AreSetIfTheyAreWhatTheCallerKnows()
    {
        var cluster = new InMemoryCluster();
        await using var node = await AppNode.StartAsync(cluster);
        await using var other = await AppNode.StartAsync(cluster);
        await using var client = await node.ConnectAsync("alice");
        Dictionary<string, string> none = [];
        Dictionary<string, string> some = new() { ["\u00e4 \0"] = "", ["name"] = new('v', SessionProperties.MaxValueBytes) };

        Assert.Empty((await other.Router.FindPropertiesAsync(client.Id, Cancellation))!);
        Assert.False(await other.Router.TrySetPropertiesAsync(client.Id, some, none, Cancellation));
        Assert.True(await other.Router.TrySetPropertiesAsync(client.Id, none, some, Cancellation));
        Assert.False(await node.Router.TrySetPropertiesAsync(client.Id, none, none, Cancellation));

        Assert.Equal(some, (await other.Router.FindPropertiesAsync(client.Id, Cancellation))!.ToDictionary());
        Assert.Equal(some, (await node.Router.FindPropertiesAsync(client.Id, Cancellation))!.ToDictionary());
        Assert.Equal(some, node.Probe.Connections[client.Id].Properties.ToDictionary());
        await Assert.ThrowsAsync<ArgumentException>(async () => await other.Router.TrySetPropertiesAsync(client.Id, some, new Dictionary<string, string> { [""] = "" }, Cancellation));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TrySetProperties_ManyAtOnceFromTwoNodes_LoseNone(bool isResumable)
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync(cluster);
        await using var other = await StartAsync(cluster);
        await using var plain = isResumable ? null : await node.ConnectAsync("alice");
        await using var session = isResumable ? await SessionClient.ConnectAsync(node) : null;
        var id = plain?.Id ?? session!.Id; // one of them is there

        await Task.WhenAll(Enumerable.Range(0, SessionProperties.MaxCount).Select(async i =>
        {
            var router = i % 2 == 0 ? node.Router : other.Router;
            IReadOnlyDictionary<string, string> known;
            do
            {
                known = (await router.FindPropertiesAsync(id, Cancellation))!;
            }
            while (!await router.TrySetPropertiesAsync(id, known, new Dictionary<string, string>(known) { [$"p{i}"] = "" }, Cancellation));
        })).WithinGuardAsync();

        Assert.Equal(SessionProperties.MaxCount, (await other.Router.FindPropertiesAsync(id, Cancellation))!.Count);
    }

    [Fact]
    public async Task TrySetProperties_OfASessionWhoseClientIsAway_AreThereWhenItIsResumedElsewhere()
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync(cluster);
        await using var other = await StartAsync(cluster);
        Dictionary<string, string> none = [];
        Dictionary<string, string> granted = new() { ["grant"] = "red" };
        Dictionary<string, string> more = new() { ["grant"] = "red, blue" };
        await using var client = await SessionClient.ConnectAsync(node);

        Assert.True(await other.Router.TrySetPropertiesAsync(client.Id, none, granted, Cancellation));
        Assert.Equal(granted, node.Probe.Connections[client.Id].Properties.ToDictionary());
        await client.VanishAsync(node);
        Assert.Equal(granted, (await other.Router.FindPropertiesAsync(client.Id, Cancellation))!.ToDictionary());
        Assert.True(await other.Router.TrySetPropertiesAsync(client.Id, granted, more, Cancellation));

        await using var back = await SessionClient.ConnectAsync(other, client);
        Assert.Equal(client.Id, back.Id);
        Assert.Equal(more, other.Probe.Connections[client.Id].Properties.ToDictionary());
        var directory = node.Services.GetRequiredService<ISessionDirectory<ProbeHandler>>();
        await Eventually.TrueAsync(async () => (await directory.FindAsync(client.Id, Cancellation))?.Properties is { Count: 1 } found && found["grant"] == more["grant"], "the directory has them");
    }

    [Fact]
    public async Task FindProperties_OfNoConnection_FindNone()
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync(cluster);
        await using var other = await StartAsync(cluster);
        await using var client = await node.ConnectAsync("alice");
        Dictionary<string, string> none = [];

        foreach (var id in new[] { "x", ".", "nobody.AAAAAAAAAAAAAAAAAAAAAA", client.Id + "x", client.Id[..^1] + (client.Id[^1] == 'A' ? 'Q' : 'A'), SessionId.Create(), "\0", new('x', 2_000) })
        {
            Assert.Null(await other.Router.FindPropertiesAsync(id, Cancellation));
            Assert.Null(await node.Router.FindPropertiesAsync(id, Cancellation));
            await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await other.Router.TrySetPropertiesAsync(id, none, none, Cancellation));
        }
    }

    private static Task<AppNode> StartAsync(InMemoryCluster cluster) => AppNode.StartAsync(cluster, static options => options.EnableResume = true);
}

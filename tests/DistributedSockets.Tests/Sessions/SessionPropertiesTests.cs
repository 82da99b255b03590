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
}

using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistributedSockets.ClusterTests;

/// <summary>Many clients of the <c>ws</c> package that keep all they get.</summary>
internal sealed class WsSwarm : IAsyncDisposable
{
    private readonly WsDriver _driver;
    private readonly string _id;

    private WsSwarm(WsDriver driver, string id) => (_driver, _id) = (driver, id);

    /// <summary>The connection id of each client.</summary>
    public string[] ConnectionIds { get; private set; } = [];

    public static async Task<WsSwarm> ConnectAsync(WsDriver driver, IEnumerable<Uri> endpoints)
    {
        var swarm = new WsSwarm(driver, driver.NewId());
        var urls = new JsonArray([.. endpoints.Select(static endpoint => (JsonNode)endpoint.ToString())]);
        var known = await swarm.CallAsync("connect", new() { ["urls"] = urls });
        swarm.ConnectionIds = [.. known!.AsArray().Select(static who => who!["connectionId"]!.GetValue<string>())]; // the test node's interface
        return swarm;
    }

    /// <summary>Sends, and waits until all clients together have got so many messages since they connected.</summary>
    /// <returns>How many they have got.</returns>
    public async Task<int> RunAsync(IEnumerable<(int Client, string Text)> sends, int total)
    {
        var list = new JsonArray([.. sends.Select(static send => (JsonNode)new JsonArray(send.Client, send.Text))]);
        var patience = (Guard.Limit - TimeSpan.FromSeconds(5)).TotalMilliseconds; // so that what is missing can still be told
        var outcome = await CallAsync("run", new() { ["sends"] = list, ["total"] = total, ["patience"] = patience });
        Assert.Null(outcome!["failure"]?.GetValue<string>()); // run answers with an object
        return outcome["total"]!.GetValue<int>(); // that always has a total
    }

    /// <summary>What each client has got since it connected, in order.</summary>
    public async Task<string[][]> ReceivedAsync() => (await CallAsync("received", [])).Deserialize<string[][]>()!; // an array by contract

    public async ValueTask DisposeAsync() => await CallAsync("close", []);

    private Task<JsonNode?> CallAsync(string command, JsonObject parameters) => _driver.CallAsync("swarm", _id, command, parameters);
}

using System.Text.Json.Nodes;
using DistributedSockets.ClusterTests;
using DistributedSockets.TestServers;

namespace DistributedSockets.WebPubSub.Tests.Official;

/// <summary>The official server SDK and middleware.</summary>
public sealed class OfficialServerTests(OfficialPackages packages, RedisFixture redis) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task ServerSdk_InAProcessOfItsOwn_ReachesClientsOfBothNodes()
    {
        await packages.SkipUnlessAvailableAsync();
        await using var first = await HostProcess.StartAsync("--redis", redis.EndPoint);
        await using var second = await HostProcess.StartAsync("--redis", redis.EndPoint);
        await using var clients = OfficialPackages.Start("listen.js", HostProcess.Key, first.Origin, second.Origin);
        var user0 = (await clients.ReportAsync("connectionId"))["connectionId"]!.GetValue<string>();
        var user1 = (await clients.ReportAsync("connectionId"))["connectionId"]!.GetValue<string>();

        await using var server = OfficialPackages.Start("push.js", HostProcess.Key, first.Origin, user0, user1);

        var answers = await server.ReportAsync("user");
        Assert.Equal("""{"user":true,"nobody":false,"connection":true,"group":true,"permission":true}""", answers.ToJsonString());
        await server.ReportAsync("done");
        List<string> got0 = [], got1 = [];
        for (var isClosed = false; !isClosed || got0.Count < 3;)
        {
            var report = await clients.ReportAsync("name");
            (report["name"]!.GetValue<string>() == "user0" ? got0 : got1).Add(Text(report));
            isClosed |= report.ContainsKey("disconnected");
        }

        Assert.Equal(["""server json {"to":"all"}""", """server json {"to":"filtered"}""", "group text \"again\""], got0);
        Assert.Equal(
            ["""server json {"to":"all"}""", "group text \"to the room\"", "server binary \"AQL/\"", """server json {"to":"connection"}""", "group text \"again\"", "disconnected: enough"],
            got1);

        static string Text(JsonObject report) => report["disconnected"] is { } reason
            ? $"disconnected: {reason}"
            : $"{report["from"]} {report["dataType"]} {report["data"]!.ToJsonString()}";
    }

    [Fact]
    public async Task ExpressMiddleware_AsUpstream_DecidesAnswersAndKeepsState()
    {
        await packages.SkipUnlessAvailableAsync();
        await using var upstream = OfficialPackages.Start("upstream.js", HostProcess.Key);
        var port = (await upstream.ReportAsync("port"))["port"]!.GetValue<int>();
        await using var host = await HostProcess.StartAsync("--redis", redis.EndPoint, "--webhook", $"http://127.0.0.1:{port}/upstream");

        await upstream.TellAsync(host.Origin);

        Assert.Empty(await upstream.ProblemsAsync());
    }
}

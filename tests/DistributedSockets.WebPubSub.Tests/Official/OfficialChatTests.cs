using DistributedSockets.ClusterTests;
using DistributedSockets.TestServers;

namespace DistributedSockets.WebPubSub.Tests.Official;

/// <summary>The official JavaScript clients chat over two nodes while their connections are cut and their nodes die.</summary>
public abstract class OfficialChatTests(OfficialPackages packages)
{
    private readonly Random _random = new();

    [Fact]
    public async Task Chat_ConnectionsCutAndNodesKilled_NothingLostRepeatedOrMisplaced()
    {
        await packages.SkipUnlessAvailableAsync();
        var transport = Transport();
        await using var first = await HostProcess.StartAsync(transport);
        await using var second = await HostProcess.StartAsync(transport);
        await using var toFirst = FaultProxy.Start(first.EndPoint);
        await using var toSecond = FaultProxy.Start(second.EndPoint);
        await using var chat = OfficialPackages.Start("chat.js", HostProcess.Key, $"http://{toFirst.EndPoint}", $"http://{toSecond.EndPoint}");
        await chat.ReportAsync("ready");

        // A random number of messages later each time, so that no run is like the other.
        await SomeAreAcknowledgedAsync(chat);
        toFirst.Cut();
        await SomeAreAcknowledgedAsync(chat);
        toSecond.Cut();
        await SomeAreAcknowledgedAsync(chat);
        await first.KillAsync();
        toFirst.LeadTo(second.EndPoint);
        await SomeAreAcknowledgedAsync(chat);
        await using var third = await HostProcess.StartAsync(transport);
        toSecond.LeadTo(third.EndPoint); // for those who come back; the others stay where they are
        toSecond.Cut();
        await SomeAreAcknowledgedAsync(chat);
        await second.KillAsync();
        toFirst.LeadTo(third.EndPoint);
        await SomeAreAcknowledgedAsync(chat);

        await chat.TellAsync("finish");
        Assert.Empty(await chat.ProblemsAsync());
    }

    /// <summary>The arguments by which hosts find each other; skips the test where the server is missing.</summary>
    protected abstract string[] Transport();

    private async Task SomeAreAcknowledgedAsync(ChildProcess chat)
    {
        for (var left = _random.Next(2, 6); left > 0; left--)
        {
            await chat.ReportAsync("acknowledged");
        }
    }
}

/// <summary>Over Redis.</summary>
public sealed class OfficialRedisChatTests(OfficialPackages packages, RedisFixture redis) : OfficialChatTests(packages), IClassFixture<RedisFixture>
{
    protected override string[] Transport() => ["--redis", redis.EndPoint];
}

/// <summary>Over NATS with JetStream.</summary>
public sealed class OfficialNatsChatTests(OfficialPackages packages, OfficialNatsChatTests.JetStream nats) : OfficialChatTests(packages), IClassFixture<OfficialNatsChatTests.JetStream>
{
    protected override string[] Transport()
    {
        nats.Server.SkipUnlessAvailable();
        return ["--nats", nats.Server.Url];
    }

    /// <summary>A NATS server with JetStream.</summary>
    public sealed class JetStream : IAsyncLifetime
    {
        internal NatsServer Server { get; } = new() { HasJetStream = true };

        public ValueTask InitializeAsync() => Server.InitializeAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}

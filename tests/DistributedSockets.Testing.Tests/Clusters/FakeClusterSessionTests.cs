using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Sessions that outlive their connection and its node, in a cluster of one process.</summary>
public sealed class FakeClusterSessionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Session_New_IsToldItsIdAndTokenFirstThenNumbersWhatIsLogged()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);

        await cluster[1].Router.SendToAllAsync("one", Cancellation);
        await cluster[1].Router.SendToConnectionAsync(session.Id, "two", Cancellation);

        Assert.Equal(["m 1\none", "m 2\ntwo"], await ReadAsync(client, 2));
        Assert.Equal(0, session.Number);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Session_ResumedAtEitherNode_GetsEachMissedMessageOnceInOrderAndGoesOnLive(int node)
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);
        await cluster[0].Router.AddToGroupAsync(session.Id, "red", Cancellation);
        await cluster[1].Router.SendToGroupAsync("red", "a", Cancellation);
        await cluster[1].Router.SendToAllAsync("b", Cancellation);
        Assert.Equal(["m 1\na", "m 2\nb"], await ReadAsync(client, 2));
        await client.SendAsync("a 1\n", Cancellation);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        await cluster[0].Router.SendToGroupAsync("red", "c", Cancellation);
        await cluster[0].Router.SendToGroupAsync("blue", "of another group", Cancellation);
        await cluster[0].Router.SendToConnectionAsync(session.Id, "d", Cancellation);

        var again = await ConnectAsync(cluster, node, session with { Number = 2 });
        var resumed = await Session.ReadAsync(again);
        Assert.Equal(session.Id, resumed.Id);
        Assert.Equal(session.Token, resumed.Token);
        Assert.Equal(["m 3\nc", "m 4\nd"], await ReadAsync(again, 2));
        await cluster[1 - node].Router.SendToGroupAsync("red", "e", Cancellation);
        await cluster[node].Router.SendToConnectionAsync(session.Id, "f", Cancellation);
        Assert.Equal(["m 5\ne", "m 6\nf"], await ReadAsync(again, 2));
    }

    [Fact]
    public async Task Session_ItsNodeKilled_GoesOnAtTheOtherWithTheSameNumbers()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);
        for (var i = 1; i <= 20; i++)
        {
            await cluster[1].Router.SendToAllAsync($"{i}", Cancellation);
        }

        Assert.Equal(Enumerable.Range(1, 20).Select(static i => $"m {i}\n{i}"), await ReadAsync(client, 20));
        await client.SendAsync("a 10\n", Cancellation);
        await cluster.CrashAsync(0);
        await cluster[1].Router.SendToAllAsync("21", Cancellation);

        var again = await ConnectAsync(cluster, 1, session with { Number = 15 });
        Assert.Equal(session.Id, (await Session.ReadAsync(again)).Id);
        Assert.Equal(Enumerable.Range(16, 6).Select(static i => $"m {i}\n{i}"), await ReadAsync(again, 6));
    }

    [Fact]
    public async Task Session_WrongTokenOrUnknownId_IsANewOneAndTheOldOneStays()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);
        foreach (var wrong in (Session[])[session with { Token = new('A', 43) }, session with { Id = new('A', 22) }])
        {
            var other = await ConnectAsync(cluster, 1, wrong);
            Assert.NotEqual(session.Id, (await Session.ReadAsync(other)).Id);
        }

        await cluster[0].Router.SendToConnectionAsync(session.Id, "still here", Cancellation);
        Assert.Equal(["m 1\nstill here"], await ReadAsync(client, 1));
    }

    [Fact]
    public async Task Session_WindowOver_IsANewOne()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);

        for (var i = 0; i < 70; i++)
        {
            await cluster.AdvanceAsync(TimeSpan.FromSeconds(1), Cancellation);
        }

        var again = await ConnectAsync(cluster, 0, session);
        Assert.NotEqual(session.Id, (await Session.ReadAsync(again)).Id);
    }

    [Fact]
    public async Task Session_TakenOverWhileItsSocketIsOpen_CutsThatOne()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);

        var again = await ConnectAsync(cluster, 0, session);

        Assert.Equal(session.Id, (await Session.ReadAsync(again)).Id);
        await client.WaitForCloseAsync(Cancellation);
        await cluster[1].Router.SendToConnectionAsync(session.Id, "hello", Cancellation);
        Assert.Equal(["m 1\nhello"], await ReadAsync(again, 1));
    }

    [Fact]
    public async Task Message_WithAnId_IsHandledOnceAlsoAtTheOtherNode()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);

        await client.SendAsync("m 1\nhello", Cancellation);
        Assert.Equal(["u\nhello", "a 1\n"], await ReadAsync(client, 2));
        await client.SendAsync("m 1\nhello", Cancellation);
        Assert.Equal(["d 1\n"], await ReadAsync(client, 1));
        var before = await ReadVersionAsync(cluster, session);
        client.Abort();
        await Eventually.TrueAsync(async () => await ReadVersionAsync(cluster, session) != before, "the record is written when the client has gone");

        var again = await ConnectAsync(cluster, 1, session);
        Assert.Equal(session.Id, (await Session.ReadAsync(again)).Id);
        await again.SendAsync("m 1\nhello", Cancellation);
        await again.SendAsync("u\nwithout", Cancellation);
        Assert.Equal(["d 1\n", "u\nwithout"], await ReadAsync(again, 2));
    }

    [Theory]
    [InlineData("a 1\n")]
    [InlineData("nonsense")]
    public async Task Client_AcknowledgesWhatWasNeverSentOrSpeaksAnotherLanguage_IsClosed(string message)
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        await Session.ReadAsync(client);

        await client.SendAsync(message, Cancellation);

        Assert.Equal(1008, (int?)(await client.WaitForCloseAsync(Cancellation)).Status);
    }

    [Fact]
    public async Task Client_AcknowledgesNothing_GetsTheRestWhenItDoes()
    {
        await using var cluster = await StartAsync(maxUnacknowledged: 10);
        var client = await ConnectAsync(cluster, 0);
        await Session.ReadAsync(client);
        for (var i = 1; i <= 500; i++)
        {
            await cluster[1].Router.SendToAllAsync($"{i}", Cancellation);
        }

        var received = new List<string>();
        while (received.Count < 500)
        {
            received.AddRange(await ReadAsync(client, 10));
            await client.SendAsync($"a {received.Count}\n", Cancellation);
        }

        Assert.Equal(Enumerable.Range(1, 500).Select(static i => $"m {i}\n{i}"), received);
    }

    [Fact]
    public async Task Groups_JoinedAndLeftWhileAway_TakeEffectWhereTheyStandInTheLog()
    {
        await using var cluster = await StartAsync();
        var client = await ConnectAsync(cluster, 0);
        var session = await Session.ReadAsync(client);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        var router = cluster[1].Router;

        await router.SendToGroupAsync("red", "before", Cancellation);
        await router.AddToGroupAsync(session.Id, "red", Cancellation);
        await router.SendToGroupAsync("red", "within", Cancellation);
        await router.RemoveFromGroupAsync(session.Id, "red", Cancellation);
        await router.SendToGroupAsync("red", "after", Cancellation);
        await router.AddToGroupAsync(session.Id, "blue", Cancellation);

        var again = await ConnectAsync(cluster, 1, session);
        await Session.ReadAsync(again);
        Assert.Equal(["m 1\nwithin"], await ReadAsync(again, 1));
        await router.SendToGroupAsync("red", "not any more", Cancellation);
        await router.SendToGroupAsync("blue", "live", Cancellation);
        Assert.Equal(["m 2\nlive"], await ReadAsync(again, 1));
    }

    private static async Task<long?> ReadVersionAsync(FakeCluster cluster, Session session)
    {
        var hub = new LogHub { Name = "default", Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000, IdempotencyTime = TimeSpan.FromMinutes(5) } };
        var store = (ISessionRecordStore)cluster[0].Services.GetRequiredService<IMessageLog>();
        return (await store.ReadRecordAsync(hub, session.Id, Cancellation))?.Version;
    }

    private static async Task<string[]> ReadAsync(FakeClient client, int count)
    {
        var texts = new string[count];
        for (var i = 0; i < count; i++)
        {
            texts[i] = await client.ReceiveTextAsync(Cancellation).WithinGuardAsync();
        }

        return texts;
    }

    private static Task<FakeClient> ConnectAsync(FakeCluster cluster, int node, Session? resume = null) => cluster.ConnectAsync(
        node,
        "/raw",
        configure: options =>
        {
            options.SubProtocols.Add("resume.v1.distributedsockets");
            if (resume is not null)
            {
                options.SubProtocols.Add($"resume.{resume.Id}.{resume.Token}.{resume.Number}");
            }
        },
        cancellationToken: Cancellation);

    private static Task<FakeCluster> StartAsync(int maxUnacknowledged = 1_000) => FakeCluster.StartAsync(
        nodes: 2,
        options => options
            .ConfigureSockets(sockets => sockets.AddHub("default", hub =>
            {
                hub.LogAll = true;
                hub.LoggedGroups.Add("*");
                hub.EnableResume = true;
                hub.MaxUnacknowledgedMessages = maxUnacknowledged;
            }))
            .ConfigureApp(static app => app.MapDistributedWebSocket("/raw", static (connection, message, _, token) => connection.SendAsync(message, token))),
        cancellationToken: Cancellation);

    private sealed record Session(string Id, string Token, long Number)
    {
        internal static async Task<Session> ReadAsync(FakeClient client)
        {
            var words = (await client.ReceiveTextAsync(Cancellation).WithinGuardAsync()).TrimEnd('\n').Split(' ');
            Assert.Equal("s", words[0]);
            return new(words[1], words[2], long.Parse(words[3], System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}

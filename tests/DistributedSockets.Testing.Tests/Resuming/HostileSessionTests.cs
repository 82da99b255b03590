using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Clients that guess, lie, or say nothing.</summary>
public sealed class HostileSessionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Resume_WithAnythingButTheTokenOfTheSession_IsAnsweredAsForAnUnknownOne()
    {
        await using var cluster = await StartAsync();
        await using var client = await ResumedSession.ConnectAsync(cluster, 0, user: "ann");
        var session = await ResumedSession.ReadAsync(client);
        await using var other = await ResumedSession.ConnectAsync(cluster, 0, user: "ann");
        var foreign = await ResumedSession.ReadAsync(other);
        var last = session.Token[^2] == 'A' ? 'B' : 'A';
        (ResumedSession Asked, string? User)[] wrong =
        [
            (session with { Id = new('A', 22) }, "ann"), // unknown: the others must look the same
            (session with { Token = new('A', 43) }, "ann"),
            (session with { Token = $"{session.Token[..^2]}{last}{session.Token[^1]}" }, "ann"),
            (session with { Token = foreign.Token }, "ann"),
            (session, "bob"),
            (session, null),
        ];
        foreach (var node in (int[])[0, 1])
        {
            foreach (var (asked, user) in wrong)
            {
                await using var guess = await ResumedSession.ConnectAsync(cluster, node, asked, user);
                var answer = await ResumedSession.ReadAsync(guess);
                Assert.DoesNotContain(answer.Id, (string[])[session.Id, foreign.Id, asked.Id]);
                Assert.Equal(0, answer.Number);
            }
        }

        // Neither has it cut the client, nor taken anything from it.
        await cluster[1].Router.SendToConnectionAsync(session.Id, "still here", Cancellation);
        Assert.Equal(["m 1\nstill here"], await ResumedSession.ReadAsync(client, 1));
    }

    [Fact]
    public async Task Resume_InAnotherHub_IsAnsweredAsForAnUnknownSession()
    {
        await using var cluster = await StartAsync();
        await using var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);

        await using var other = await cluster.ConnectAsync(
            0,
            "/other",
            configure: options =>
            {
                options.SubProtocols.Add("resume.v1.distributedsockets");
                options.SubProtocols.Add($"resume.{session.Id}.{session.Token}.0");
            },
            cancellationToken: Cancellation);

        Assert.NotEqual(session.Id, (await ResumedSession.ReadAsync(other)).Id);
        await cluster[1].Router.SendToConnectionAsync(session.Id, "still here", Cancellation);
        Assert.Equal(["m 1\nstill here"], await ResumedSession.ReadAsync(client, 1));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(long.MaxValue)]
    public async Task Resume_WithANumberThatWasNeverSent_EndsTheSession(long number)
    {
        await using var cluster = await StartAsync();
        var (client, session) = await StartSessionAsync(cluster, messages: 3);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);

        await using var liar = await ResumedSession.ConnectAsync(cluster, 1, session with { Number = number });
        var close = await liar.WaitForCloseAsync(Cancellation);

        Assert.Equal((1008, "The client has acknowledged messages that were never sent."), ((int?)close.Status, close.Reason));
        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session);
        Assert.NotEqual(session.Id, (await ResumedSession.ReadAsync(again)).Id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("nonsense")]
    [InlineData("a -1\n")]
    [InlineData("a 99999999999999999999\n")]
    [InlineData("a 1\nmore")]
    [InlineData("a 4\n")]
    [InlineData("m \nno id")]
    [InlineData("u")]
    public async Task Line_ThatCannotBe_ClosesTheConnectionAndCostsTheSessionNothing(string line)
    {
        await using var cluster = await StartAsync();
        var (client, session) = await StartSessionAsync(cluster, messages: 3);

        await client.SendAsync(line, Cancellation);
        Assert.Equal(1008, (int?)(await client.WaitForCloseAsync(Cancellation)).Status);
        await client.WaitForServerAsync(Cancellation);

        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session with { Number = 1 });
        Assert.Equal(session.Id, (await ResumedSession.ReadAsync(again)).Id);
        Assert.Equal(["m 2\n2", "m 3\n3"], await ResumedSession.ReadAsync(again, 2));
    }

    [Fact]
    public async Task Client_ThatAcknowledgesNothing_IsClosedAfterTheTimeoutAndItsSessionEnds()
    {
        await using var cluster = await StartAsync();
        var (client, session) = await StartSessionAsync(cluster, messages: 3);
        await using var idle = await ResumedSession.ConnectAsync(cluster, 0);
        await ResumedSession.ReadAsync(idle);
        await PassAsync(cluster, seconds: 50);
        await client.SendAsync("a 1\n", Cancellation); // from then on it has the time once more
        await client.SendAsync("u\nhello", Cancellation);
        Assert.Equal(["u\nhello"], await ResumedSession.ReadAsync(client, 1));
        await PassAsync(cluster, seconds: 50);
        Assert.True(client.IsOpen);

        await PassAsync(cluster, seconds: 20);

        var close = await client.WaitForCloseAsync(Cancellation);
        Assert.Equal((1008, "The client has acknowledged nothing for 00:01:00."), ((int?)close.Status, close.Reason));
        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session);
        Assert.NotEqual(session.Id, (await ResumedSession.ReadAsync(again)).Id);
        Assert.True(idle.IsOpen); // it has nothing to acknowledge
    }

    [Fact]
    public async Task Record_HalfOfTheLimitAcknowledged_IsWrittenAtOnce()
    {
        await using var cluster = await StartAsync();
        var (client, session) = await StartSessionAsync(cluster, messages: 5);
        var before = await ReadVersionAsync(cluster, session);

        await client.SendAsync("a 5\n", Cancellation);

        await Eventually.TrueAsync(async () => await ReadVersionAsync(cluster, session) != before, "the record is written, though no time has passed");
    }

    private static async Task<(FakeClient Client, ResumedSession Session)> StartSessionAsync(FakeCluster cluster, int messages)
    {
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        for (var i = 1; i <= messages; i++)
        {
            await cluster[1].Router.SendToConnectionAsync(session.Id, $"{i}", Cancellation);
        }

        Assert.Equal(Enumerable.Range(1, messages).Select(static i => $"m {i}\n{i}"), await ResumedSession.ReadAsync(client, messages));
        return (client, session);
    }

    private static async Task PassAsync(FakeCluster cluster, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            await cluster.AdvanceAsync(TimeSpan.FromSeconds(1), Cancellation);
        }
    }

    private static async Task<long?> ReadVersionAsync(FakeCluster cluster, ResumedSession session)
    {
        var hub = new LogHub { Name = "default", Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000, IdempotencyTime = TimeSpan.FromMinutes(5) } };
        var store = (ISessionRecordStore)cluster[0].Services.GetRequiredService<IMessageLog>();
        return (await store.ReadRecordAsync(hub, session.Id, Cancellation))?.Version;
    }

    private static Task<FakeCluster> StartAsync() => FakeCluster.StartAsync(
        nodes: 2,
        options => options
            .ConfigureSockets(static sockets =>
            {
                foreach (var name in (string[])["default", "other"])
                {
                    sockets.AddHub(name, static hub =>
                    {
                        (hub.EnableLog, hub.EnableResume) = (true, true);
                        hub.MaxUnacknowledgedMessages = 10;
                        hub.AcknowledgementTimeout = TimeSpan.FromMinutes(1);
                        hub.IdleTimeout = TimeSpan.Zero;
                    });
                }
            })
            .ConfigureApp(static app =>
            {
                app.MapDistributedWebSocket("/raw", static (connection, message, _, token) => connection.SendAsync(message, token));
                app.MapDistributedWebSocket("/other", static (connection, message, _, token) => connection.SendAsync(message, token), "other");
            }),
        cancellationToken: Cancellation);
}

using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Joins and leaves of sessions that can be resumed, by whomever and wherever: each is an entry of the log.</summary>
public sealed class SessionGroupTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task UserGroups_SessionsHereThereAndAwayAndPlainConnections_JoinAndLeaveTogether()
    {
        await using var cluster = await StartAsync();
        var clients = new List<FakeClient>();
        var sessions = new List<ResumedSession>();
        foreach (var node in (int[])[0, 1, 1])
        {
            clients.Add(await ResumedSession.ConnectAsync(cluster, node, user: "ann"));
            sessions.Add(await ResumedSession.ReadAsync(clients[^1]));
        }

        await using var plain = await cluster.ConnectAsync(1, "/raw", "ann", cancellationToken: Cancellation);
        var other = await ResumedSession.ConnectAsync(cluster, 1, user: "bob");
        await ResumedSession.ReadAsync(other);
        clients[2].Abort();
        await clients[2].WaitForServerAsync(Cancellation);

        await cluster[0].Router.AddUserToGroupAsync("ann", "red", Cancellation);
        await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 4, Cancellation);
        await cluster[0].Router.SendToGroupAsync("red", "one", Cancellation);
        await cluster[0].Router.RemoveUserFromGroupAsync("ann", "red", Cancellation);
        await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 0, Cancellation);
        await cluster[0].Router.SendToGroupAsync("red", "two", Cancellation);
        await cluster[0].Router.SendToAllAsync("end", Cancellation);

        var again = await ResumedSession.ConnectAsync(cluster, 0, sessions[2], "ann");
        Assert.Equal(sessions[2].Id, (await ResumedSession.ReadAsync(again)).Id);
        foreach (var client in (FakeClient[])[clients[0], clients[1], again])
        {
            Assert.Equal(["m 1\none", "m 2\nend"], await ResumedSession.ReadAsync(client, 2));
        }

        Assert.Equal(["m 1\nend"], await ResumedSession.ReadAsync(other, 1));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(0, true)]
    [InlineData(1, true)]
    public async Task Join_InAsManyGroupsAsMayBe_IsRefusedAlikeForEachCallerAndTellsHim(int caller, bool isAway)
    {
        await using var cluster = await StartAsync(maxGroups: 2);
        var client = await ResumedSession.ConnectAsync(cluster, 0, user: "ann");
        var session = await ResumedSession.ReadAsync(client);
        await cluster[1].Router.AddToGroupAsync(session.Id, "a", Cancellation);
        await cluster[0].Router.AddToGroupAsync(session.Id, "b", Cancellation);
        if (isAway)
        {
            client.Abort();
            await client.WaitForServerAsync(Cancellation);
        }

        var router = cluster[caller].Router;
        await Assert.ThrowsAsync<InvalidOperationException>(() => router.AddToGroupAsync(session.Id, "c", Cancellation).AsTask());
        await router.AddToGroupAsync(session.Id, "a", Cancellation); // a member
        await router.SendToGroupAsync("c", "not for it", Cancellation);
        await router.RemoveFromGroupAsync(session.Id, "b", Cancellation);
        await router.AddToGroupAsync(session.Id, "c", Cancellation);
        await router.SendToGroupAsync("c", "for it", Cancellation);

        var again = isAway ? await ResumedSession.ConnectAsync(cluster, 1, session, "ann") : client;
        if (isAway)
        {
            await ResumedSession.ReadAsync(again);
        }

        Assert.Equal(["m 1\nfor it"], await ResumedSession.ReadAsync(again, 1));
    }

    [Fact]
    public async Task UserJoin_ASessionOfThisNodeFindsNoRoom_TellsTheCaller()
    {
        await using var cluster = await StartAsync(maxGroups: 1);
        var client = await ResumedSession.ConnectAsync(cluster, 0, user: "ann");
        var session = await ResumedSession.ReadAsync(client);
        await cluster[0].Router.AddToGroupAsync(session.Id, "a", Cancellation);

        await Assert.ThrowsAsync<InvalidOperationException>(() => cluster[0].Router.AddUserToGroupAsync("ann", "b", Cancellation).AsTask());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task JoinWithLast_OfASession_SendsTheseWithoutNumbersThenWhatComes(int caller)
    {
        await using var cluster = await StartAsync();
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        var router = cluster[caller].Router;
        foreach (var text in (string[])["1", "2", "3"])
        {
            await router.SendToGroupAsync("red", text, Cancellation);
        }

        await router.Log.AddToGroupAsync(session.Id, "red", 2, Cancellation);
        await router.SendToGroupAsync("red", "4", Cancellation);
        await router.Log.AddToGroupAsync(session.Id, "red", 2, Cancellation); // a member
        await router.SendToGroupAsync("red", "5", Cancellation);

        Assert.Equal(["u\n2", "u\n3", "m 1\n4", "m 2\n5"], await ResumedSession.ReadAsync(client, 4));
    }

    [Fact]
    public async Task JoinWithLast_OfASessionThatIsAway_Joins()
    {
        await using var cluster = await StartAsync();
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);

        await cluster[1].Router.Log.AddToGroupAsync(session.Id, "red", 2, Cancellation);
        await cluster[1].Router.SendToGroupAsync("red", "1", Cancellation);

        var again = await ResumedSession.ConnectAsync(cluster, 0, session);
        await ResumedSession.ReadAsync(again);
        Assert.Equal(["m 1\n1"], await ResumedSession.ReadAsync(again, 1));
    }

    private static Task<FakeCluster> StartAsync(int maxGroups = 100) => FakeCluster.StartAsync(
        nodes: 2,
        options => options
            .ConfigureSockets(sockets => sockets.AddHub("default", hub =>
            {
                hub.LogAll = true;
                hub.LoggedGroups.Add("*");
                hub.EnableResume = true;
                hub.MaxGroupsPerConnection = maxGroups;
            }))
            .ConfigureApp(static app => app.MapDistributedWebSocket("/raw", static (connection, message, _, token) => connection.SendAsync(message, token))),
        cancellationToken: Cancellation);
}

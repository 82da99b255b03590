using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing.Tests;

/// <summary>What moving the clock of a <see cref="FakeCluster"/> does, and waits for.</summary>
public sealed class FakeClusterClockTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Advance_HubThatPingsLaterThanTheOthers_WaitsForItsPingsAlone()
    {
        await using var cluster = await FakeCluster.StartAsync(2, static app => app
            .ConfigureServices(static services => services.AddDistributedWebSockets().AddHub("patient", static hub => hub.KeepAliveInterval = TimeSpan.FromMinutes(1)))
            .ConfigureApp(static app =>
            {
                app.MapDistributedWebSocket("/patient", static (connection, message, _, token) => connection.SendAsync(message, token), "patient");
                app.MapDistributedWebSocket("/usual", static (connection, message, _, token) => connection.SendAsync(message, token), "usual");
            }), cancellationToken: Cancellation);
        var patient = await cluster.ConnectAsync(0, "/patient", cancellationToken: Cancellation);
        var usual = await cluster.ConnectAsync(0, "/usual", cancellationToken: Cancellation);

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(50), Cancellation); // in which the other one is pinged, and this one is not
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(50), Cancellation);

        Assert.True(patient.IsOpen && usual.IsOpen);
    }

    [Fact]
    public async Task TimeAdvance_OfTheClockItself_DoesToo()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await FakeCluster.StartAsync(nodes: 2, time: time, cancellationToken: Cancellation);

        await cluster.CrashAsync(node: 1);
        time.Advance(new DistributedWebSocketsOptions().LeaseExpiry);

        var members = await cluster.WaitForMembersAsync(1, Cancellation);
        Assert.Equal(cluster.NodeIds[0], Assert.Single(members));
    }

    [Fact]
    public async Task Advance_HoursWithIdleClients_KeepsEveryLeaseAndConnection()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var bob = await ChatApp.JoinAsync(cluster, node: 1, "bob", "red");
        var before = cluster.Time.GetUtcNow();

        await cluster.AdvanceAsync(TimeSpan.FromMinutes(20), Cancellation);

        Assert.Equal(TimeSpan.FromMinutes(20), cluster.Time.GetUtcNow() - before);
        Assert.Equal(2, (await cluster.WaitForMembersAsync(2, Cancellation)).Count);
        Assert.Empty(cluster.SessionsEnded);
        await alice.SendAsync("red:still there?", Cancellation);
        Assert.Equal("still there?", (await bob.ReceiveJsonAsync<Said>(cancellationToken: Cancellation))?.Text);
    }

    [Fact]
    public async Task Advance_ClientThatDoesNotRead_IsGivenUpForItsPings()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);
        var deaf = await cluster.ConnectAsync(0, "/chat", "deaf", cancellationToken: Cancellation);
        deaf.PauseReading();

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(45), Cancellation); // 15 until a ping, 20 for the answer, a quarter of the shorter one twice

        var ended = Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation));
        Assert.Equal("deaf", ended.Session.UserId);
        deaf.ResumeReading();
        Assert.Null((await deaf.WaitForCloseAsync(Cancellation)).Status);
    }

    [Fact]
    public async Task Advance_TimersOfTheApp_RunInOrderAndInTime()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);
        var time = cluster[0].Services.GetRequiredService<TimeProvider>();
        var (started, ticks) = (time.GetUtcNow(), new List<double>());
        using var timer = time.CreateTimer(_ => ticks.Add((time.GetUtcNow() - started).TotalSeconds), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(11), Cancellation);

        Assert.Equal([1, 4, 7, 10], ticks);
    }
}

using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>What a handler sends on behalf of a session that has gone on elsewhere meanwhile, and records that were written though nobody said so.</summary>
public sealed class SessionFenceTests
{
    private static readonly TimeSpan s_lease = new DistributedWebSocketsOptions().LeaseExpiry;

    private readonly TaskCompletionSource _handlerMayGoOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Exception?> _handlerHasSent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _lostWrites;
    private int _lostReads;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Send_OfAHandlerWhoseSessionHasGoneOn_IsRefusedAndReachesNobody(int node)
    {
        await using var cluster = await StartAsync();
        var witness = await WitnessAsync(cluster);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await client.Socket.SendAsync("m 1\nlate", Cancellation);
        Assert.Equal(["u\nbegun"], await client.ReadAsync(1));

        var again = await AdvanceUntilAsync(cluster, ResumableClient.ConnectAsync(cluster, node, client));
        Assert.Equal(client.Id, again.Id);
        _handlerMayGoOn.SetResult();

        Assert.IsType<StaleFenceException>(await _handlerHasSent.Task.WithinGuardAsync());
        await again.Socket.SendAsync("m 1\nonce", Cancellation);
        Assert.Equal(["a 1\n"], await again.ReadAsync(1));
        Assert.Equal(["m 1\nonce"], await witness.ReadAsync(1));
    }

    [Fact]
    public async Task Send_OfASessionThatIsWrittenMeanwhile_IsTaken()
    {
        await using var cluster = await StartAsync();
        var witness = await WitnessAsync(cluster);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        for (var i = 1; i <= 5; i++)
        {
            await client.Socket.SendAsync($"m {i}\n{i}", Cancellation);
            Assert.Equal([$"a {i}\n"], await client.ReadAsync(1));
            await cluster.AdvanceAsync(TimeSpan.FromSeconds(11), Cancellation); // the record is written
        }

        Assert.Equal(Enumerable.Range(1, 5).Select(static i => $"m {i}\n{i}"), await witness.ReadAsync(5));
    }

    [Fact]
    public async Task Send_WhereTheLogRefusesNothingAndTheLeaseIsMissed_IsRefusedByTheNode()
    {
        await using var cluster = await StartAsync(isFenced: false);
        var witness = await WitnessAsync(cluster);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await client.Socket.SendAsync("m 1\nlate", Cancellation);
        Assert.Equal(["u\nbegun"], await client.ReadAsync(1));
        cluster[0].SetStopped(); // so that its heartbeat is not waited for
        cluster[0].Clock.Stop(true);
        await cluster.AdvanceAsync(s_lease + TimeSpan.FromSeconds(10), Cancellation);

        _handlerMayGoOn.SetResult();

        Assert.IsType<StaleFenceException>(await _handlerHasSent.Task.WithinGuardAsync());
        await cluster[1].Router.SendToGroupAsync("red", "next", Cancellation);
        Assert.Equal(["m 1\nnext"], await witness.ReadAsync(1));
        cluster[0].Clock.Stop(false);
    }

    [Fact]
    public async Task Record_WrittenThoughTheAnswerWasLost_StaysTheOwners()
    {
        await using var cluster = await StartAsync(isFenced: false);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await client.Socket.SendAsync("m 1\n1", Cancellation);
        Assert.Equal(["a 1\n"], await client.ReadAsync(1));
        _lostWrites = 1;
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(12), Cancellation);
        Assert.Equal((0, 0), (_lostWrites, _lostReads));

        for (var i = 2; i <= 3; i++)
        {
            await client.Socket.SendAsync($"m {i}\n{i}", Cancellation);
            Assert.Equal([$"a {i}\n"], await client.ReadAsync(1));
            await cluster.AdvanceAsync(TimeSpan.FromSeconds(12), Cancellation);
        }

        Assert.True(client.Socket.IsOpen);
        await cluster.CrashAsync(0); // what the record holds is all that is left
        var again = await ResumableClient.ConnectAsync(cluster, 1, client);
        await again.Socket.SendAsync("m 3\n3", Cancellation);
        Assert.Equal(["d 3\n"], await again.ReadAsync(1));
    }

    private static async Task<ResumableClient> WitnessAsync(FakeCluster cluster)
    {
        var witness = await ResumableClient.ConnectAsync(cluster, 1);
        await cluster[1].Router.AddToGroupAsync(witness.Id, "red", Cancellation);
        return witness;
    }

    private static async Task<ResumableClient> AdvanceUntilAsync(FakeCluster cluster, Task<ResumableClient> done)
    {
        while (!done.IsCompleted)
        {
            await cluster.AdvanceAsync(TimeSpan.FromMilliseconds(500), Cancellation);
        }

        return await done;
    }

    /// <summary>Whether nobody is told of a write that is to be lost, nor of what is read next.</summary>
    private bool LosesAnswer(bool isWrite)
    {
        ref var left = ref isWrite ? ref _lostWrites : ref _lostReads;
        if (left == 0)
        {
            return false;
        }

        left--;
        _lostReads += isWrite ? 1 : 0;
        return true;
    }

    private Task<FakeCluster> StartAsync(bool isFenced = true) => FakeCluster.StartAsync(
        nodes: 2,
        cluster => cluster
            .ConfigureSockets(sockets =>
            {
                if (!isFenced)
                {
                    UnfencedLog.Use(sockets, LosesAnswer);
                }

                sockets.AddHub("default", static hub =>
                {
                    hub.LoggedGroups.Add("*");
                    hub.EnableResume = true;
                    hub.ResumeWindow = TimeSpan.FromSeconds(20);
                });
            })
            .ConfigureApp(app => app.MapDistributedWebSocket("/raw", async (connection, message, router, token) =>
            {
                if (message.GetText() == "late")
                {
                    await connection.SendAsync("begun", token);
                    await _handlerMayGoOn.Task;
                }

                try
                {
                    await router.SendAsync(WebSocketTarget.Group("red"), message, new SendOptions { OnBehalfOf = connection }, CancellationToken.None);
                    _handlerHasSent.TrySetResult(null);
                }
                catch (Exception exception)
                {
                    _handlerHasSent.TrySetResult(exception);
                    throw;
                }
            })),
        cancellationToken: Cancellation);
}

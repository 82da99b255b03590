using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Log;

/// <summary>Three servers, of which one is killed.</summary>
public sealed class NatsMessageLogClusterTests
{
    private static readonly LogTarget s_group = LogTarget.Group("red");

    private static readonly LogHub s_hub = Logs.NewHub();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LeaderKilledUnderLoad_ThreeReplicas_NothingAnsweredIsMissingAndReceiversGetAll()
    {
        await using var cluster = await NatsCluster.StartAsync(3, hasJetStream: true);
        await using var appender = await StartAsync(cluster, NatsStorage.File, replicas: 3);
        await using var subscriber = await StartAsync(cluster, NatsStorage.File, replicas: 3);
        var first = await Logs.PatientlyAsync(() => appender.AppendAsync(s_hub, s_group, "first"));
        await Logs.PatientlyAsync(async () =>
        {
            await subscriber.SubscribeAsync(s_hub);
            return true;
        });

        var (done, answered, refused) = (false, new List<(string Text, LogPosition Position)>(), new List<string>());
        var count = 0;
        var appending = Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref done); i++)
            {
                try
                {
                    answered.Add(($"{i}", (await appender.AppendAsync(s_hub, i % 3 == 0 ? [s_group, LogTarget.User("alice")] : [s_group], $"{i}")).Position));
                    Volatile.Write(ref count, answered.Count);
                }
                catch (MessageLogUnavailableException exception)
                {
                    if (!exception.IsOutcomeUnknown)
                    {
                        refused.Add($"{i}");
                    }

                    await Task.Delay(5, Cancellation); // a steady flow, not a flood
                }
            }
        }, Cancellation);
        await Eventually.TrueAsync(() => Volatile.Read(ref count) >= 100, "appends are answered");
        await using (var stream = new Stream(cluster.Urls, "cluster", s_hub.Name))
        {
            var leader = await stream.LeaderAsync(first.Position.Epoch);
            await cluster.Servers.Single(server => server.ServerName == leader).KillAsync();
        }

        var before = Volatile.Read(ref count);
        await Eventually.TrueAsync(() => Volatile.Read(ref count) >= before + 100, "appends are answered again");
        Volatile.Write(ref done, true);
        await appending.WithinGuardAsync();

        var last = await Logs.PatientlyAsync(() => appender.AppendAsync(s_hub, s_group, "last"));
        Assert.Equal(first.Position.Epoch, last.Position.Epoch);
        await subscriber.Received.WaitForAsync(s_hub.Name, last.Position);
        var read = await Logs.PatientlyAsync(() => subscriber.ReadAllAsync(s_hub, targets: null));
        var texts = Logs.Texts(read);
        Assert.Equal(texts.Distinct(), texts);
        Assert.Empty(texts.Intersect(refused));
        Assert.All(answered, one => Assert.Equal(one.Text, texts[(int)one.Position.Offset - 1]));
        Assert.Equal(Enumerable.Range(1, read.Count).Select(static offset => (long)offset), read.Select(static entry => entry.Offset));

        // The consumer went on behind the last entry that came, so the receiver had nothing to fill.
        var received = subscriber.Received.Entries(s_hub.Name);
        Assert.Equal(read.Skip(1).Select(static entry => (entry.Offset, entry.AppendedAt)), received.Select(static one => (one.Entry.Offset, one.Entry.AppendedAt)));
        Assert.Equal(texts.Skip(1), Logs.Texts(received.Select(static one => one.Entry)));
    }

    [Fact]
    public async Task OnlyServerOfTheStreamRestarted_InMemory_AnotherEpochBeginsAndNoOffsetIsGivenTwice()
    {
        await using var cluster = await NatsCluster.StartAsync(3, hasJetStream: true);
        await using var appender = await StartAsync(cluster, NatsStorage.Memory, replicas: 1);
        await using var subscriber = await StartAsync(cluster, NatsStorage.Memory, replicas: 1);
        LogAppendResult old = default;
        for (var i = 1; i <= 5; i++)
        {
            old = await Logs.PatientlyAsync(() => appender.AppendAsync(s_hub, s_group, $"old {i}"));
        }

        await Logs.PatientlyAsync(async () =>
        {
            await subscriber.SubscribeAsync(s_hub);
            return true;
        });
        await using (var stream = new Stream(cluster.Urls, "cluster", s_hub.Name))
        {
            // The stream comes back by its name, and empty.
            var leader = await stream.LeaderAsync(old.Position.Epoch);
            var server = cluster.Servers.Single(server => server.ServerName == leader);
            await server.KillAsync();
            await server.StartAsync();
        }

        // Over and over, as an append that finds the loss does not know whether its entry is in the log.
        var anew = await Logs.PatientlyAsync(() => appender.AppendAsync(s_hub, s_group, "new"));
        Assert.InRange(anew.Position.Epoch, old.Position.Epoch + 1, long.MaxValue);
        var received = await subscriber.Received.WaitForAsync(s_hub.Name, anew.Position);

        Assert.All(received, one => Assert.Equal(anew.Position.Epoch, one.Epoch));
        Assert.Equal("new", Logs.Texts(received.Select(static one => one.Entry))[^1]);
        var page = await Logs.PatientlyAsync(() => subscriber.ReadPageAsync(
            s_hub, new() { Targets = [s_group], Epoch = old.Position.Epoch, After = 0, UpTo = 1, MaxEntries = 10, MaxBytes = 1 << 20 }));
        Assert.False(page.IsKnown);
        Assert.Equal(["new"], Logs.Texts(await subscriber.ReadAllAsync(s_hub, [s_group])).Distinct());
    }

    private static Task<MessageLogNode> StartAsync(NatsCluster cluster, NatsStorage storage, int replicas) =>
        MessageLogNode.StartAsync(NatsFactory.MessageLog(
            cluster.Urls, "cluster", options => (options.LogStorage, options.LogReplicas, options.OperationTimeout) = (storage, replicas, TimeSpan.FromSeconds(2))));
}

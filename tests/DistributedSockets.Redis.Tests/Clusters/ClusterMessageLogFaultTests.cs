using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>A hub's log on a cluster whose slots get other primaries while entries are appended.</summary>
public sealed class ClusterMessageLogFaultTests : IAsyncLifetime
{
    private readonly RedisCluster _cluster = new();
    private readonly string _prefix = $"fault-{Guid.NewGuid():N}";
    private readonly LogTarget _group = LogTarget.Group("red");
    private readonly LogHub _hub = new()
    {
        Name = "chat",
        Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000_000, IdempotencyTime = TimeSpan.FromMinutes(1) },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private int Slot => RedisSlots.Of(new RedisLogKeys(_prefix, "chat").Head.ToString());

    public async ValueTask InitializeAsync()
    {
        _cluster.SkipUnlessAvailable();
        await _cluster.InitializeAsync();
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Theory]
    [InlineData("resp3")]
    [InlineData("resp2")]
    public async Task PrimaryKilledAndSlotMigrated_UnderLoad_OffsetsAreGivenOnceAndEntriesArriveAgain(string protocol)
    {
        await using var node = await StartNodeAsync(protocol);
        await using var other = await StartNodeAsync(protocol);
        await node.SubscribeAsync(_hub);
        await other.SubscribeAsync(_hub);
        var answered = new List<LogPosition>();
        var done = false;
        var appending = AppendAsync();
        await UntilFlowingAsync();

        var primary = await _cluster.OwnerAsync(Slot);
        var replica = await _cluster.ReplicaOfAsync(primary);
        await primary.KillAsync();
        await _cluster.UntilOwnerAsync(replica, Slot);
        await UntilFlowingAsync();
        await primary.StartAsync();
        await _cluster.SettledAsync();

        var target = _cluster.Nodes.Take(3).First(candidate => candidate != primary);
        await _cluster.MigrateAsync(Slot, target);
        await UntilFlowingAsync();
        Volatile.Write(ref done, true);
        await appending.WithinGuardAsync();

        Assert.Single(answered.Select(static position => position.Epoch).Distinct());
        Assert.Equal(answered.Select(static position => position.Offset).Distinct().Order(), answered.Select(static position => position.Offset));
        var end = await node.GetEndAsync(_hub);
        var (log, removedTo, after) = (new List<LogEntry>(), 0L, 0L);
        while (after < end.Offset)
        {
            var page = await other.ReadPageAsync(
                _hub, new() { Targets = null, Epoch = end.Epoch, After = after, UpTo = end.Offset, MaxEntries = 1_000, MaxBytes = 1 << 20 });
            Assert.True(page.IsKnown);
            log.AddRange(page.Entries);
            (after, removedTo) = (page.ReadTo, page.RemovedTo);
        }

        Assert.Equal(log.Select(static entry => entry.Offset).SkipLast(1), log.Skip(1).Select(static entry => entry.PreviousOffset));
        Assert.All(answered.Select(static position => position.Offset).Except(log.Select(static entry => entry.Offset)), missing => Assert.InRange(missing, 1, removedTo));

        async Task AppendAsync()
        {
            while (!Volatile.Read(ref done))
            {
                if (await TryAppendAsync(node) is { } result)
                {
                    lock (answered)
                    {
                        answered.Add(result.Position);
                    }
                }

                await Task.Delay(1, Cancellation); // a steady flow, not a flood
            }
        }

        async Task UntilFlowingAsync()
        {
            var before = Count();
            await Eventually.TrueAsync(() => Count() > before + 20, "appends are answered");
            var last = Last();
            await node.Received.WaitForAsync("chat", last);
            await other.Received.WaitForAsync("chat", last);
        }

        int Count()
        {
            lock (answered)
            {
                return answered.Count;
            }
        }

        LogPosition Last()
        {
            lock (answered)
            {
                return answered[^1];
            }
        }
    }

    private async Task<LogAppendResult?> TryAppendAsync(MessageLogNode node)
    {
        try
        {
            return await node.AppendAsync(_hub, _group, "hello");
        }
        catch (MessageLogUnavailableException)
        {
            return null;
        }
    }

    private Task<MessageLogNode> StartNodeAsync(string protocol) => MessageLogNode.StartAsync(RedisFactory.MessageLog(
        $"{_cluster.ConnectionString},protocol={protocol},connectTimeout=1000", _prefix, static options => options.OperationTimeout = TimeSpan.FromSeconds(5)));
}

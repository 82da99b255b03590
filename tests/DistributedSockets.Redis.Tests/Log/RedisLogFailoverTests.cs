using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Log;

/// <summary>Redis goes on as another server, or as the same one started anew, and may lack what it had answered.</summary>
public sealed class RedisLogFailoverTests : IAsyncDisposable
{
    private readonly string _prefix = $"failover-{Guid.NewGuid():N}";
    private readonly LogHub _hub = new()
    {
        Name = "chat",
        Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000, IdempotencyTime = TimeSpan.FromMinutes(1) },
    };

    private readonly LogTarget _group = LogTarget.Group("red");
    private readonly RedisServer _first = new() { KeepsData = true };
    private readonly RedisServer _second = new();
    private readonly CuttableLink _replication = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _second.DisposeAsync();
        await _replication.DisposeAsync();
        await _first.DisposeAsync();
    }

    [Fact]
    public async Task Failover_ReplicaLacksTheLastEntries_NoOffsetIsGivenTwiceAndTheLossIsTold()
    {
        await StartPairAsync();
        var servers = $"{_first.EndPoint},{_second.EndPoint},configCheckSeconds=1,connectTimeout=1000";
        await using var node = await StartNodeAsync(servers);
        await using var other = await StartNodeAsync(servers);
        await node.SubscribeAsync(_hub);
        await other.SubscribeAsync(_hub);
        for (var i = 1; i <= 5; i++)
        {
            await node.AppendAsync(_hub, _group, $"{i}");
        }

        await UntilReplicatedAsync();
        await _replication.CutAsync();
        LogAppendResult last = default;
        for (var i = 6; i <= 8; i++)
        {
            last = await node.AppendAsync(_hub, _group, $"{i}");
        }

        await other.Received.WaitForAsync("chat", last.Position);
        await _first.KillAsync();
        Assert.StartsWith("+OK", await _second.CommandAsync("REPLICAOF", "NO", "ONE"), StringComparison.Ordinal);
        await node.Received.WaitForReportAsync("unavailable");
        await node.Received.WaitForReportAsync("available");
        await other.Received.WaitForReportAsync("available");

        var end = await other.GetEndAsync(_hub);
        var first = await node.AppendAsync(_hub, _group, "after");
        var second = await other.AppendAsync(_hub, _group, "after that");

        Assert.Equal(last.Position.Epoch, first.Position.Epoch);
        Assert.True(end.Offset > last.Position.Offset, "the end has jumped");
        Assert.Equal(end.Offset + 1, first.Position.Offset);
        Assert.Equal(5, first.PreviousOffset);
        Assert.Equal((first.Position.Offset + 1, first.Position.Offset), (second.Position.Offset, second.PreviousOffset));
        foreach (var receiver in new[] { node, other })
        {
            var received = await receiver.Received.WaitForAsync("chat", second.Position);
            Assert.Equal([5, first.Position.Offset], received.TakeLast(2).Select(static one => one.Entry.PreviousOffset));
        }

        foreach (var targets in new LogTarget[]?[] { [_group], null })
        {
            var all = await PageAsync(node, targets, 0, second.Position);
            Assert.Equal([1, 2, 3, 4, 5, first.Position.Offset, second.Position.Offset], all.Entries.Select(static entry => entry.Offset));
            Assert.Equal(8, all.RemovedTo);
            Assert.Equal(8, (await PageAsync(node, targets, 5, second.Position)).RemovedTo);
            var behind = await PageAsync(node, targets, 8, second.Position);
            Assert.InRange(behind.RemovedTo, 0, 8);
            Assert.Equal(2, behind.Entries.Count);
            var fromEnd = await node.ReadPageAsync(_hub, new LogQuery
            {
                Targets = targets, Epoch = second.Position.Epoch, After = 0, UpTo = second.Position.Offset, MaxEntries = 3, MaxBytes = 1_000, FromEnd = true,
            });
            Assert.Equal([5, first.Position.Offset, second.Position.Offset], fromEnd.Entries.Select(static entry => entry.Offset));
        }
    }

    [Fact]
    public async Task Restart_WithAllData_JumpIsSilentAndNothingIsMissing()
    {
        _first.SkipUnlessAvailable();
        await _first.StartAsync();
        await using var node = await StartNodeAsync($"{_first.EndPoint},connectTimeout=1000");
        await node.SubscribeAsync(_hub);
        await node.AppendAsync(_hub, _group, "1");
        var before = await node.AppendAsync(_hub, _group, "2", "key");
        Assert.StartsWith("+OK", await _first.CommandAsync("SAVE"), StringComparison.Ordinal);
        for (var round = 1; round <= 2; round++)
        {
            await _first.KillAsync();
            await node.Received.WaitForReportAsync("unavailable", round);
            await _first.StartAsync();
            await node.Received.WaitForReportAsync("available", round);
        }

        var repeated = await node.AppendAsync(_hub, _group, "2", "key");
        var after = await node.AppendAsync(_hub, _group, "3");

        Assert.True(repeated.IsRepeat);
        Assert.Equal(before.Position, repeated.Position);
        Assert.Equal(before.Position.Offset, after.PreviousOffset);
        Assert.True(after.Position.Offset > before.Position.Offset + 1, "the offset has jumped");
        Assert.Equal(["1", "2", "3"], (await node.Received.WaitForAsync("chat", after.Position)).Select(static one => one.Entry.Payload.Span.Length == 1 ? $"{(char)one.Entry.Payload.Span[0]}" : ""));
        foreach (var targets in new LogTarget[]?[] { [_group], null })
        {
            var page = await PageAsync(node, targets, 0, after.Position);
            Assert.Equal([1, 2, after.Position.Offset], page.Entries.Select(static entry => entry.Offset));
            Assert.Equal(0, page.RemovedTo);
        }
    }

    [Fact]
    public async Task Append_ReplicaWanted_CompletesWhenItHasTheEntryAndElseSaysThatItMayBeLost()
    {
        await StartPairAsync();
        await using var node = await MessageLogNode.StartAsync(RedisFactory.MessageLog(
            _first.EndPoint,
            _prefix,
            static options => (options.ReplicasToWaitFor, options.OperationTimeout) = (1, TimeSpan.FromSeconds(3))));

        var results = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => node.AppendAsync(_hub, _group, $"{i}")));
        await _second.PauseAsync();
        var exception = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(_hub, _group, "alone"));

        Assert.Equal(Enumerable.Range(1, 100).Select(static i => (long)i), results.Select(static result => result.Position.Offset));
        Assert.True(exception.IsOutcomeUnknown);
        await _second.ResumeAsync();
    }

    private Task<MessageLogNode> StartNodeAsync(string servers) => MessageLogNode.StartAsync(RedisFactory.MessageLog(servers, _prefix));

    private async Task<LogPage> PageAsync(MessageLogNode node, IReadOnlyList<LogTarget>? targets, long after, LogPosition upTo)
    {
        var page = await node.ReadPageAsync(_hub, new LogQuery
        {
            Targets = targets, Epoch = upTo.Epoch, After = after, UpTo = upTo.Offset, MaxEntries = 1_000, MaxBytes = 1 << 20,
        });
        Assert.True(page.IsKnown);
        Assert.Equal(upTo.Offset, page.ReadTo);
        return page;
    }

    private async Task StartPairAsync()
    {
        _first.SkipUnlessAvailable();
        await _first.StartAsync();
        await _second.StartAsync();
        _replication.Open(_first.Port);
        Assert.StartsWith("+OK", await _second.CommandAsync("REPLICAOF", "127.0.0.1", $"{_replication.Port}"), StringComparison.Ordinal);
        await Eventually.TrueAsync(
            async () => (await _second.CommandAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal), "the replica is in step");
    }

    private Task UntilReplicatedAsync() => Eventually.TrueAsync(
        async () => Offset(await _first.CommandAsync("INFO", "replication"), "master_repl_offset:") == Offset(await _second.CommandAsync("INFO", "replication"), "slave_repl_offset:"),
        "the replica has everything");

    private static string Offset(string info, string name) => info.Split("\r\n").Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..];
}

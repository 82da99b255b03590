using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Log;

/// <summary>What the log makes of what others do to its server.</summary>
public abstract class RedisMessageLogTests(ServerKind kind) : IAsyncLifetime
{
    private const string Prefix = "log-test";

    private readonly RedisLogKeys _keys = new(Prefix, "chat");
    private readonly LogHub _hub = Keeping(TimeSpan.FromHours(1));
    private readonly LogTarget _group = LogTarget.Group("red");
    private RespServer? _server;
    private ConnectionMultiplexer? _admin;

    private RespServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

    private ConnectionMultiplexer Admin => _admin ?? throw new InvalidOperationException("The server has not been started.");

    private IDatabase Database => Admin.GetDatabase();

    public async ValueTask InitializeAsync()
    {
        _server = await kind.StartAsync();
        _admin = await ConnectionMultiplexer.ConnectAsync(_server.EndPoint);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_admin is not null)
        {
            await _admin.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [Fact]
    public async Task ScriptFlush_UnderLoad_AppendsGoOnInTheOrderOfCalls()
    {
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(_hub);
        var appending = new List<Task<LogAppendResult>>();
        for (var round = 0; round < 5; round++)
        {
            appending.AddRange(Enumerable.Range(0, 2_000).Select(i => node.AppendAsync(_hub, _group, $"{round}:{i}")));
            Assert.StartsWith("+OK", await Server.CommandAsync("SCRIPT", "FLUSH"), StringComparison.Ordinal);
        }

        var results = await Task.WhenAll(appending);
        Assert.StartsWith("+OK", await Server.CommandAsync("SCRIPT", "FLUSH"), StringComparison.Ordinal);
        var end = await node.GetEndAsync(_hub);
        Assert.StartsWith("+OK", await Server.CommandAsync("SCRIPT", "FLUSH"), StringComparison.Ordinal);
        var all = await node.ReadAllAsync(_hub, targets: null, after: 9_990);

        Assert.Equal(Enumerable.Range(1, 10_000).Select(static i => (long)i), results.Select(static result => result.Position.Offset));
        Assert.Equal(10_000, end.Offset);
        Assert.Equal(10, all.Count);
    }

    [Fact]
    public async Task FlushAll_AgainAndAgainUnderLoad_AppendsGoOnInTheOrderOfCalls()
    {
        await using var node = await StartNodeAsync();
        await node.AppendAsync(_hub, _group, "first");
        Task<LogAppendResult>[] appending = [.. Enumerable.Range(0, 3_000).Select(i => node.AppendAsync(_hub, _group, $"{i}"))];
        for (var i = 0; i < 20; i++)
        {
            Assert.StartsWith("+OK", await Server.CommandAsync("FLUSHALL"), StringComparison.Ordinal); // what is repeated after one may meet the next
        }

        LogPosition[] positions = [.. (await Task.WhenAll(appending)).Select(static result => result.Position)];

        Assert.Equal(positions.OrderBy(static position => position.Epoch).ThenBy(static position => position.Offset), positions);
    }

    [Fact]
    public async Task FlushAll_NextEntry_BeginsALargerEpochThatSubscribersReceive()
    {
        await using var node = await StartNodeAsync();
        await using var other = await StartNodeAsync();
        await node.SubscribeAsync(_hub);
        await other.SubscribeAsync(_hub);
        var before = await node.AppendAsync(_hub, _group, "old");
        await other.Received.WaitForAsync("chat", before.Position);
        Assert.StartsWith("+OK", await Server.CommandAsync("FLUSHALL"), StringComparison.Ordinal);

        var after = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => node.AppendAsync(_hub, _group, $"new {i}")));

        Assert.All(after, result => Assert.True(result.Position.Epoch > before.Position.Epoch, "the epoch is larger"));
        Assert.Equal(Enumerable.Range(1, 50).Select(static i => (long)i), after.Select(static result => result.Position.Offset));
        var received = await other.Received.WaitForAsync("chat", after[^1].Position);
        Assert.Equal(Enumerable.Range(0, 50).Select(static i => $"new {i}"), received.Skip(1).Select(static one => Encoding.UTF8.GetString(one.Entry.Payload.Span)));
        var gone = await other.ReadPageAsync(_hub, Query(before.Position, after: 0));
        Assert.False(gone.IsKnown);
        Assert.Equal(after[^1].Position, gone.End);
    }

    [Fact]
    public async Task HeadDeleted_ClockOfTheServerBehind_EpochIsStillLarger()
    {
        await using var node = await StartNodeAsync();
        var before = await node.AppendAsync(_hub, _group, "old");
        var future = before.Position.Epoch + (long)TimeSpan.FromDays(1).TotalMilliseconds;
        await Database.HashSetAsync(_keys.Head, "epoch", future);
        Assert.Equal(future, (await node.GetEndAsync(_hub)).Epoch);

        await Database.KeyDeleteAsync(_keys.Head);

        Assert.Equal(new LogPosition(future + 1, 1), (await node.AppendAsync(_hub, _group, "new")).Position);
    }

    [Fact]
    public async Task ForeignMessagesOnTheChannel_AreDroppedAndNoEpochIsBelieved()
    {
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(_hub);
        var first = await node.AppendAsync(_hub, _group, "1");
        string[] rubbish =
        [
            "", "\n", "1", "1 2 3\n", "x 1 1 1 0 1\na", "1 1 1 1 0 5\na", "1 1 1 1 0 0\na", "1 1 1 1 1 1\na", "1 1 -1 1 0 1\na", "1 1 1 1 0 -1\na", "1 0 1 1 0 1\na",
            "1 99999999999999999999 1 1 0 1\na", "1 1 9999999999999999 1 0 1\na", "2 1 1 1 0 1\na", "1 1 1 1 0 9223372036854775807 9223372036854775807\na", "1 1 1 1 0\na",
            $"1 {first.Position.Epoch + 1_000_000} 1 1 0 1\na",
            $"1 {first.Position.Epoch - 1} 1 1 0 1\na",
        ];
        foreach (var message in rubbish)
        {
            await Admin.GetSubscriber().PublishAsync(RedisChannel.Literal(_keys.Channel), message);
        }

        var second = await node.AppendAsync(_hub, _group, "2");

        Assert.Equal(first.Position.Epoch, second.Position.Epoch);
        Assert.Equal([first.Position, second.Position], (await node.Received.WaitForAsync("chat", second.Position)).Select(static one => one.Position));
    }

    [Fact]
    public async Task KeysOfTheLogHoldSomethingElse_AppendsAndReadsGoOn()
    {
        await using var node = await StartNodeAsync();
        var epoch = (await node.GetEndAsync(_hub)).Epoch;
        var keys = new List<RedisKey>();
        _keys.Of(epoch).AddTo(keys);
        keys.Add(_keys.Of(epoch).Target(_group));
        keys.Add(_keys.Of(epoch).Target(LogTarget.All));
        foreach (var key in keys.Skip(1))
        {
            await Database.StringSetAsync(key, "rubbish");
        }

        await Database.SetAddAsync(_keys.Of(epoch).Idempotency("key"), "rubbish");

        var first = await node.AppendAsync(_hub, [_group, LogTarget.All], "1", "key");
        Assert.Equal(["1"], (await node.ReadAllAsync(_hub, [_group])).Select(static entry => Encoding.UTF8.GetString(entry.Payload.Span)));
        Assert.Equal(first.Position, (await node.AppendAsync(_hub, [_group], "1", "key")).Position);

        await Database.KeyDeleteAsync(_keys.Head);
        await Database.StringSetAsync(_keys.Head, "rubbish");
        Assert.Equal(1, (await node.AppendAsync(_hub, _group, "new")).Position.Offset);
    }

    [Fact]
    public async Task Entries_OlderThanTheirAge_LeaveRedisAsOthersAreAppended()
    {
        await using var node = await StartNodeAsync();
        var hub = Keeping(TimeSpan.FromMilliseconds(200));
        var end = await node.GetEndAsync(hub);
        var entries = new List<RedisKey>();
        _keys.Of(end.Epoch).AddTo(entries);
        var appended = 0;

        await Eventually.TrueAsync(
            async () =>
            {
                await Task.WhenAll(Enumerable.Range(0, 100).Select(i => node.AppendAsync(hub, LogTarget.User($"{i}"), "hello")));
                appended += 100;
                return await Database.HashLengthAsync(entries[1]) < appended - 200;
            },
            "entries are deleted while others are appended");
    }

    [Fact]
    public async Task Entries_OlderThanTheirAge_LeaveRedisThoughNothingIsAppended()
    {
        await using var node = await StartNodeAsync();
        var hub = Keeping(TimeSpan.FromMilliseconds(200));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => node.AppendAsync(hub, [LogTarget.User($"{i}"), _group], "hello", $"{i}")));
        var last = await node.GetEndAsync(hub);

        await Eventually.TrueAsync(
            async () => (await Server.CommandAsync("KEYS", "{log-test:log:chat}*")).StartsWith("*1\r\n", StringComparison.Ordinal), "only the head is left");

        var page = await node.ReadPageAsync(hub, Query(last, after: 0));
        Assert.Empty(page.Entries);
        Assert.Equal(last.Offset, page.RemovedTo);
        Assert.Equal(last.Offset + 1, (await node.AppendAsync(hub, _group, "later")).Position.Offset);
    }

    [Fact]
    public async Task Append_MoreBytesWaitThanMay_IsRefusedAndCertainlyNotAppended()
    {
        await using var node = await MessageLogNode.StartAsync(RedisFactory.MessageLog(
            kind.ConnectionString(Server), Prefix, static options => options.MaxPendingBytes = RedisMessageLogOptions.MinMaxPendingBytes));
        await node.GetEndAsync(_hub);
        await Server.PauseAsync();
        var payload = new byte[RedisMessageLogOptions.MinMaxPendingBytes];
        var first = node.AppendAsync(_hub, new LogAppend { Targets = [_group], Payload = payload });

        var exception = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(_hub, _group, "too much"));

        Assert.Contains("MaxPendingBytes", exception.Message);
        Assert.False(exception.IsOutcomeUnknown);
        await Server.ResumeAsync();
        await first;
        Assert.Equal(2, (await node.AppendAsync(_hub, _group, "room again")).Position.Offset);
    }

    protected static LogHub Keeping(TimeSpan age) => new()
    {
        Name = "chat", Retention = new() { MaxAge = age, MaxEntriesPerTarget = 100_000, IdempotencyTime = age < TimeSpan.FromMinutes(1) ? age : TimeSpan.FromMinutes(1) },
    };

    protected Task<MessageLogNode> StartNodeAsync() => MessageLogNode.StartAsync(RedisFactory.MessageLog(kind.ConnectionString(Server), Prefix));

    private LogQuery Query(LogPosition upTo, long after) =>
        new() { Targets = [_group], Epoch = upTo.Epoch, After = after, UpTo = upTo.Offset, MaxEntries = 1_000, MaxBytes = 1 << 20 };
}

public sealed class RedisServerMessageLogTests() : RedisMessageLogTests(ServerKind.RedisResp3);

public sealed class GarnetServerMessageLogTests() : RedisMessageLogTests(ServerKind.GarnetResp3);

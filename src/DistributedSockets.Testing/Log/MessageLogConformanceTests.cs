namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IMessageLog"/> promises. Derive from it once for each implementation and server.</summary>
/// <remarks>The server is up while these run; for what is promised about outages see <see cref="MessageLogOutageConformanceTests"/>.</remarks>
public abstract partial class MessageLogConformanceTests : MessageLogSuite
{
    private static readonly LogTarget s_group = LogTarget.Group("red");

    [Fact]
    public async Task System_Always_IsShortLowerCaseName()
    {
        await using var log = CreateLog(Cluster);

        Assert.Matches("^[a-z][a-z0-9_]{0,31}$", log.System);
    }

    [Fact]
    public async Task Start_ServerUp_ReportsNothing()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Hub);

        var appended = await node.AppendAsync(Hub, s_group, "hello");
        await node.Received.WaitForAsync(Hub.Name, appended.Position);

        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Start_NoReceiver_ThrowsArgumentNullException()
    {
        await using var log = CreateLog(Cluster);

        await Assert.ThrowsAsync<ArgumentNullException>(async () => await log.StartAsync(null!, Cancellation));
    }

    [Fact]
    public async Task Start_TokenCancelledBefore_ThrowsOnlyThat()
    {
        await using var log = CreateLog(Cluster);

        await AssertCompletesOrIsCancelledAsync(async () => await log.StartAsync(new RecordingLogReceiver(), new CancellationToken(canceled: true)));

        await log.DisposeAsync().WithinGuardAsync();
    }

    private static LogQuery Query(IReadOnlyList<LogTarget>? targets, LogPosition upTo, long after = 0) =>
        new() { Targets = targets, Epoch = upTo.Epoch, After = after, UpTo = upTo.Offset, MaxEntries = 1_000, MaxBytes = 1 << 20 };
}

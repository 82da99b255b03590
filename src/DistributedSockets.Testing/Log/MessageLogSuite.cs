using System.Text;

namespace DistributedSockets.Testing;

/// <summary>What the suites of message logs share: nodes that are made here are disposed here.</summary>
public abstract class MessageLogSuite : IAsyncLifetime
{
    private readonly List<MessageLogNode> _nodes = [];

    /// <summary>The cluster that this test has for itself: the prefix of its hubs' logs. No log of it exists at first.</summary>
    protected string Cluster { get; } = $"conformance-{Guid.NewGuid():N}";

    /// <summary>A hub that keeps everything for as long as a test runs.</summary>
    protected LogHub Hub { get; } = NewHub("chat");

    /// <summary>How old entries and keys get in facts that wait until they are gone: as short as the log can tell it from nothing.</summary>
    /// <value>1 second, unless overridden.</value>
    protected virtual TimeSpan ShortAge => TimeSpan.FromSeconds(1);

    /// <summary>What the clock of the log shows, within an hour.</summary>
    /// <value>The system's clock, unless overridden.</value>
    protected virtual DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Creates the log of one more node. The suite starts and disposes it.</summary>
    /// <param name="cluster">
    /// The node's cluster, to be its <see cref="DistributedWebSocketsClusterOptions.Prefix"/>: letters, digits and hyphens. Nodes of equal
    /// clusters share their hubs' logs, of different ones nothing.
    /// </param>
    protected abstract IMessageLog CreateLog(string cluster);

    /// <summary>Lets time pass for the log: waits for it, unless overridden to move a fake clock.</summary>
    /// <param name="time">How much.</param>
    protected virtual Task PassAsync(TimeSpan time) => Task.Delay(time, Cancellation);

    /// <inheritdoc/>
    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync().WithinGuardAsync();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>A hub with what its log keeps.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="maxAge">How old entries get; 30 minutes unless given.</param>
    /// <param name="maxEntries">How many entries a target has.</param>
    /// <param name="maxBytes">How many bytes a target has.</param>
    /// <param name="idempotencyTime">For how long keys are known; 5 minutes unless given, or as long as entries if that is shorter.</param>
    protected static LogHub NewHub(string name, TimeSpan? maxAge = null, int maxEntries = 100_000, long? maxBytes = null, TimeSpan? idempotencyTime = null)
    {
        var age = maxAge ?? TimeSpan.FromMinutes(30);
        var keyTime = idempotencyTime ?? TimeSpan.FromMinutes(5);
        return new LogHub
        {
            Name = name,
            Retention = new LogRetention
            {
                MaxAge = age, MaxEntriesPerTarget = maxEntries, MaxBytesPerTarget = maxBytes, IdempotencyTime = keyTime < age ? keyTime : age,
            },
        };
    }

    /// <summary>Creates and starts one more node, and disposes it after the test.</summary>
    /// <param name="cluster">Its cluster; this test's own unless given.</param>
    protected Task<MessageLogNode> StartNodeAsync(string? cluster = null) => StartNodeAsync(CreateLog(cluster ?? Cluster));

    private protected async Task<MessageLogNode> StartNodeAsync(IMessageLog log)
    {
        var node = await MessageLogNode.StartAsync(log);
        lock (_nodes)
        {
            _nodes.Add(node);
        }

        return node;
    }

    private protected static IReadOnlyList<string> Texts(IEnumerable<LogEntry> entries) => [.. entries.Select(static entry => Encoding.UTF8.GetString(entry.Payload.Span))];

    private protected static IReadOnlyList<string> Texts(IEnumerable<ReceivedLogEntry> entries) => Texts(entries.Select(static received => received.Entry));

    /// <summary>Asserts that entries are the same, whichever way they came.</summary>
    private protected static void AssertSame(IReadOnlyList<LogEntry> expected, IReadOnlyList<LogEntry> actual)
    {
        Assert.Equal(expected.Select(static entry => entry.Offset), actual.Select(static entry => entry.Offset));
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].PreviousOffset, actual[i].PreviousOffset);
            Assert.Equal(expected[i].AppendedAt, actual[i].AppendedAt);
            Assert.True(expected[i].Payload.Span.SequenceEqual(actual[i].Payload.Span), $"The payloads of offset {expected[i].Offset} differ.");
        }
    }

    /// <summary>Asserts that what was received is one stretch of one epoch's log, each entry once.</summary>
    private protected static IReadOnlyList<LogEntry> AssertUnbroken(IReadOnlyList<ReceivedLogEntry> received)
    {
        for (var i = 1; i < received.Count; i++)
        {
            Assert.Equal(received[0].Epoch, received[i].Epoch);
            Assert.Equal(received[i - 1].Entry.Offset, received[i].Entry.PreviousOffset);
            Assert.True(received[i].Entry.Offset > received[i].Entry.PreviousOffset, $"{received[i]} came after {received[i - 1]}.");
        }

        return [.. received.Select(static one => one.Entry)];
    }

    /// <summary>Whether a call succeeded, rather than being refused because the log is away or disposed.</summary>
    private protected static async Task<bool> IsTakenAsync(Func<Task> call)
    {
        try
        {
            await call().WithinGuardAsync();
            return true;
        }
        catch (Exception exception) when (exception is MessageLogUnavailableException or ObjectDisposedException)
        {
            return false;
        }
    }

    private protected static async Task AssertCompletesOrIsCancelledAsync(Func<Task> call)
    {
        try
        {
            await call().WithinGuardAsync();
        }
        catch (OperationCanceledException)
        {
            Assert.False(Cancellation.IsCancellationRequested);
        }
    }

    /// <summary>Calls, and gives up while the call runs.</summary>
    private protected static async Task CancelMeanwhileAsync(Func<CancellationToken, Task> call)
    {
        using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var running = call(cancelling.Token);
        await cancelling.CancelAsync();
        await AssertCompletesOrIsCancelledAsync(() => running);
    }
}

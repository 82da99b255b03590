using System.Text;

namespace DistributedSockets.Testing;

/// <summary>One node's started message log with what it received.</summary>
public sealed class MessageLogNode : IAsyncDisposable, IDisposable
{
    private MessageLogNode(IMessageLog log, RecordingLogReceiver received) => (Log, Received) = (log, received);

    /// <summary>The log.</summary>
    public IMessageLog Log { get; }

    /// <summary>What the log hands over and reports.</summary>
    public RecordingLogReceiver Received { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Starts a log with a receiver of its own.</summary>
    /// <param name="log">The log, not yet started.</param>
    public static async Task<MessageLogNode> StartAsync(IMessageLog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        var receiver = new RecordingLogReceiver();
        await log.StartAsync(receiver, Cancellation).WithinGuardAsync();
        return new MessageLogNode(log, receiver);
    }

    /// <summary>Appends a text under one target.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="target">The target.</param>
    /// <param name="text">The text.</param>
    /// <param name="key">The idempotency key, if any.</param>
    public Task<LogAppendResult> AppendAsync(LogHub hub, LogTarget target, string text, string? key = null) => AppendAsync(hub, [target], text, key);

    /// <summary>Appends a text under several targets.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="targets">The targets.</param>
    /// <param name="text">The text.</param>
    /// <param name="key">The idempotency key, if any.</param>
    public Task<LogAppendResult> AppendAsync(LogHub hub, IReadOnlyList<LogTarget> targets, string text, string? key = null) =>
        AppendAsync(hub, new LogAppend { Targets = targets, Payload = Encoding.UTF8.GetBytes(text), IdempotencyKey = key });

    /// <summary>Appends an entry.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="append">The entry.</param>
    public Task<LogAppendResult> AppendAsync(LogHub hub, LogAppend append) => Log.AppendAsync(hub, append, Cancellation).WithinGuardAsync();

    /// <summary>Subscribes to hubs, one after the other.</summary>
    /// <param name="hubs">The hubs.</param>
    public async Task SubscribeAsync(params IEnumerable<LogHub> hubs)
    {
        foreach (var hub in hubs)
        {
            await Log.SubscribeAsync(hub, Cancellation).WithinGuardAsync();
        }
    }

    /// <summary>Gives a hub up.</summary>
    /// <param name="hub">The hub.</param>
    public Task UnsubscribeAsync(LogHub hub) => Log.UnsubscribeAsync(hub, Cancellation).WithinGuardAsync();

    /// <summary>Where a hub's log ends.</summary>
    /// <param name="hub">The hub.</param>
    public Task<LogPosition> GetEndAsync(LogHub hub) => Log.GetEndAsync(hub, Cancellation).WithinGuardAsync();

    /// <summary>Reads a page, and checks that it is what was asked for.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="query">What to read.</param>
    public async Task<LogPage> ReadPageAsync(LogHub hub, LogQuery query)
    {
        var page = await Log.ReadAsync(hub, query, Cancellation).WithinGuardAsync();
        AssertAnswers(query, page);
        return page;
    }

    /// <summary>Reads page by page what stands under targets, up to the end that the log has now.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="targets">The targets; <see langword="null"/> for the whole log.</param>
    /// <param name="after">Behind which offset.</param>
    /// <param name="maxEntries">How many entries to ask for at once.</param>
    public async Task<IReadOnlyList<LogEntry>> ReadAllAsync(LogHub hub, IReadOnlyList<LogTarget>? targets, long after = 0, int maxEntries = 1_000) =>
        [.. (await ReadPagesAsync(hub, targets, after, await GetEndAsync(hub), maxEntries)).SelectMany(static page => page.Entries)];

    /// <summary>Reads page by page what stands under targets, up to a position.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="targets">The targets; <see langword="null"/> for the whole log.</param>
    /// <param name="after">Behind which offset.</param>
    /// <param name="upTo">Up to which position.</param>
    /// <param name="maxEntries">How many entries to ask for at once.</param>
    /// <param name="maxBytes">How many bytes to ask for at once.</param>
    /// <param name="fromEnd">Whether to go backwards from the end; the pages come in the order read.</param>
    public async Task<IReadOnlyList<LogPage>> ReadPagesAsync(
        LogHub hub, IReadOnlyList<LogTarget>? targets, long after, LogPosition upTo, int maxEntries = 1_000, int maxBytes = 1 << 24, bool fromEnd = false)
    {
        var pages = new List<LogPage>();
        var (from, to) = (after, upTo.Offset);
        do
        {
            var page = await ReadPageAsync(hub, new LogQuery
            {
                Targets = targets, Epoch = upTo.Epoch, After = from, UpTo = to, MaxEntries = maxEntries, MaxBytes = maxBytes, FromEnd = fromEnd,
            });
            Assert.True(page.IsKnown, $"{from} to {to} of epoch {upTo.Epoch} should be known, but the log ends at {page.End}.");
            pages.Add(page);
            (from, to) = fromEnd ? (from, page.ReadAfter) : (page.ReadTo, to);
        }
        while (from < to);

        return pages;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Log.DisposeAsync();

    /// <inheritdoc/>
    public void Dispose() => Log.Dispose();

    private static void AssertAnswers(in LogQuery query, LogPage page)
    {
        if (!page.IsKnown)
        {
            Assert.Empty(page.Entries);
            return;
        }

        Assert.Equal(query.Epoch, page.End.Epoch);
        Assert.InRange(query.UpTo, 0, page.End.Offset);
        Assert.InRange(page.RemovedTo, 0, page.End.Offset);
        if (query.FromEnd)
        {
            Assert.Equal(query.UpTo, page.ReadTo);
            Assert.InRange(page.ReadAfter, query.After, Math.Max(query.After, query.UpTo - 1));
        }
        else
        {
            Assert.Equal(query.After, page.ReadAfter);
            Assert.InRange(page.ReadTo, Math.Min(query.After + 1, query.UpTo), query.UpTo);
        }

        Assert.InRange(page.Entries.Count, 0, query.MaxEntries);
        var (last, bytes) = (page.ReadAfter, 0L);
        foreach (var entry in page.Entries)
        {
            Assert.InRange(entry.Offset, last + 1, page.ReadTo);
            Assert.InRange(entry.PreviousOffset, 0, entry.Offset - 1);
            (last, bytes) = (entry.Offset, bytes + entry.Payload.Length);
        }

        Assert.True(bytes <= query.MaxBytes || page.Entries.Count == 1, $"{page.Entries.Count} entries of {bytes} bytes came, but {query.MaxBytes} bytes were asked for.");
    }
}

namespace DistributedSockets.Testing;

/// <summary>Appends 1, 2, 3 … in the background until it is disposed.</summary>
internal sealed class AppendingFlow : IAsyncDisposable
{
    private readonly Task _appending;
    private volatile bool _done;
    private int _count;

    private AppendingFlow(MessageLogNode node, LogHub hub, IReadOnlyList<LogTarget> targets) => _appending = Task.Run(() => AppendAsync(node, hub, targets));

    /// <summary>Begins to append.</summary>
    /// <param name="node">The node that appends.</param>
    /// <param name="hub">The hub.</param>
    /// <param name="targets">The targets, which take turns.</param>
    public static AppendingFlow Start(MessageLogNode node, LogHub hub, IReadOnlyList<LogTarget> targets) => new(node, hub, targets);

    /// <summary>Waits until so many more were appended.</summary>
    /// <param name="count">How many.</param>
    public Task WaitForMoreAsync(int count)
    {
        var goal = Volatile.Read(ref _count) + count;
        return Eventually.TrueAsync(() => _appending.IsCompleted || Volatile.Read(ref _count) >= goal, "entries are appended");
    }

    /// <summary>Ends it, and throws what has stopped it before.</summary>
    public async ValueTask DisposeAsync()
    {
        _done = true;
        await _appending.WithinGuardAsync();
    }

    private async Task AppendAsync(MessageLogNode node, LogHub hub, IReadOnlyList<LogTarget> targets)
    {
        while (!_done)
        {
            for (var i = 0; i < 10; i++)
            {
                await node.AppendAsync(hub, targets[_count % targets.Count], $"{_count + 1}");
                Interlocked.Increment(ref _count);
            }

            await Task.Delay(1, TestContext.Current.CancellationToken); // a steady flow, not a flood
        }
    }
}

using System.Collections.Concurrent;

namespace DistributedSockets.Testing;

/// <summary>Keeps what a message log hands over, and catches it handing over two entries of one hub at once.</summary>
public sealed class RecordingLogReceiver : IMessageLogReceiver
{
    private readonly ConcurrentDictionary<string, Recording> _hubs = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly List<string> _reports = [];
    private TaskCompletionSource _changed = NewSignal();
    private volatile string? _violation;

    /// <summary>What happened to the log, oldest first: <c>unavailable</c> or <c>available</c>. A newer cause of the same outage is left out.</summary>
    public IReadOnlyList<string> Reports
    {
        get
        {
            lock (_lock)
            {
                return [.. _reports];
            }
        }
    }

    /// <summary>The entries of a hub as they were handed over until now.</summary>
    /// <param name="hub">The hub's name.</param>
    public IReadOnlyList<ReceivedLogEntry> Entries(string hub)
    {
        lock (_lock)
        {
            Assert.Null(_violation);
            return _hubs.TryGetValue(hub, out var recording) ? [.. recording.Entries] : [];
        }
    }

    /// <summary>Waits until an entry at a position or behind it was handed over, and returns all that were.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="position">The position, as an append answered it.</param>
    public async Task<IReadOnlyList<ReceivedLogEntry>> WaitForAsync(string hub, LogPosition position)
    {
        await WaitUntilAsync(
            () => HasReached(hub, position),
            () => $"{position} in '{hub}', of which it has [{string.Join(", ", Entries(hub).TakeLast(20))}]");
        return Entries(hub);
    }

    /// <summary>Waits until the log has reported this often.</summary>
    /// <param name="report">One of those of <see cref="Reports"/>.</param>
    /// <param name="count">How often.</param>
    public Task WaitForReportAsync(string report, int count = 1) => WaitUntilAsync(
        () => Reports.Count(made => made == report) >= count,
        () => $"{count} times '{report}'; it reported [{string.Join(", ", Reports)}]");

    /// <inheritdoc/>
    public void OnAppended(string hub, long epoch, in LogEntry entry)
    {
        var recording = _hubs.GetOrAdd(hub, static _ => new Recording());
        if (Interlocked.Increment(ref recording.Entered) != 1)
        {
            _violation = $"OnAppended was called concurrently for hub '{hub}'.";
        }

        // Gives a second caller the time to be caught, also where there are fewer cores than threads.
        Thread.SpinWait(100);
        Thread.Yield();
        lock (_lock)
        {
            recording.Entries.Add(new ReceivedLogEntry { Epoch = epoch, Entry = entry });
        }

        Interlocked.Decrement(ref recording.Entered);
        Signal();
    }

    /// <inheritdoc/>
    public void OnUnavailable(Exception? cause)
    {
        lock (_lock)
        {
            if (_reports is not [.., "unavailable"])
            {
                _reports.Add("unavailable"); // again it only tells of a clearer cause
            }
        }

        Signal();
    }

    /// <inheritdoc/>
    public void OnAvailable()
    {
        lock (_lock)
        {
            _reports.Add("available");
        }

        Signal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool HasReached(string hub, LogPosition position)
    {
        lock (_lock)
        {
            Assert.Null(_violation);
            return _hubs.TryGetValue(hub, out var recording)
                && recording.Entries is [.., { Position: var last }]
                && (last.Epoch > position.Epoch || (last.Epoch == position.Epoch && last.Offset >= position.Offset));
        }
    }

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private async Task WaitUntilAsync(Func<bool> condition, Func<string> expectation)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            if (condition())
            {
                return;
            }

            try
            {
                await changed.WithinGuardAsync();
            }
            catch (TimeoutException)
            {
                Assert.Fail($"Waited for {expectation()}.");
            }
        }
    }

    private sealed class Recording
    {
        public int Entered;

        public List<ReceivedLogEntry> Entries { get; } = [];
    }
}

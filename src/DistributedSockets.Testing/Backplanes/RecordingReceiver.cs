using System.Collections.Concurrent;
using System.Text;

namespace DistributedSockets.Testing;

/// <summary>Keeps what a backplane hands over, and catches it handing over two payloads of one channel at once.</summary>
public sealed class RecordingReceiver : IBackplaneReceiver
{
    private const int AlwaysYielding = 100;
    private const int YieldingAt = 50;

    private readonly ConcurrentDictionary<string, Recording> _channels = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly List<string> _reports = [];
    private TaskCompletionSource _changed = NewSignal();
    private volatile string? _violation;
    private int _received;

    /// <summary>What happened to the transport, oldest first: <c>unavailable</c>, <c>partly unavailable</c>, <c>available</c>, <c>loss</c> or <c>refused</c>.</summary>
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

    /// <summary>The payloads of a channel as they are now, oldest first.</summary>
    /// <param name="channel">The channel.</param>
    public IReadOnlyList<ReadOnlyMemory<byte>> Payloads(string channel)
    {
        lock (_lock)
        {
            Assert.Null(_violation);
            return _channels.TryGetValue(channel, out var recording) ? [.. recording.Payloads] : [];
        }
    }

    /// <summary>The payloads of a channel as text.</summary>
    /// <param name="channel">The channel.</param>
    public IReadOnlyList<string> Texts(string channel) => [.. Payloads(channel).Select(payload => Encoding.UTF8.GetString(payload.Span))];

    /// <summary>Waits until a channel has had at least so many payloads, and returns them as text.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="count">How many.</param>
    public async Task<IReadOnlyList<string>> WaitForAsync(string channel, int count)
    {
        await WaitUntilAsync(() => Count(channel) >= count, () => $"{count} payloads on '{channel}', which has {Count(channel)}");
        return Texts(channel);
    }

    /// <summary>Waits until a payload with this text has arrived on a channel, and returns all that it has had.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="text">The text.</param>
    public async Task<IReadOnlyList<string>> WaitForAsync(string channel, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var seen = 0;
        await WaitUntilAsync(HasArrived, () => $"'{text}' on '{channel}', which has [{string.Join(", ", Texts(channel).TakeLast(100))}]");
        return Texts(channel);

        bool HasArrived()
        {
            lock (_lock)
            {
                Assert.Null(_violation);
                if (!_channels.TryGetValue(channel, out var recording))
                {
                    return false;
                }

                // Each is looked at once, however many there are.
                while (seen < recording.Payloads.Count)
                {
                    if (recording.Payloads[seen++].Span.SequenceEqual(bytes))
                    {
                        return true;
                    }
                }

                return false;
            }
        }
    }

    /// <summary>Waits until the transport has reported this often.</summary>
    /// <param name="report">One of those of <see cref="Reports"/>.</param>
    /// <param name="count">How often.</param>
    public Task WaitForReportAsync(string report, int count = 1) => WaitUntilAsync(
        () => Reports.Count(made => made == report) >= count,
        () => $"{count} times '{report}'");

    /// <inheritdoc/>
    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        var recording = _channels.GetOrAdd(channel, static _ => new Recording());
        if (Interlocked.Increment(ref recording.Entered) != 1)
        {
            _violation = $"OnReceived was called concurrently for channel '{channel}'.";
        }

        // Gives a second caller the time to be caught, also where there are fewer cores than threads. But on a busy machine each time may
        // take milliseconds, and a transport may have one thread for all channels.
        var number = Interlocked.Increment(ref _received);
        if (number <= AlwaysYielding || number % YieldingAt == 0)
        {
            Thread.SpinWait(100);
            Thread.Yield();
        }

        lock (_lock)
        {
            recording.Payloads.Add(payload);
        }

        Interlocked.Decrement(ref recording.Entered);
        Signal();
    }

    /// <inheritdoc/>
    public void OnUnavailable(Exception? cause)
    {
        if (Reports.LastOrDefault(static report => report is not ("loss" or "refused")) != "unavailable")
        {
            Report("unavailable"); // again it only tells of a clearer cause
        }
    }

    /// <inheritdoc/>
    public void OnPartlyUnavailable(Exception? cause)
    {
        if (Reports.LastOrDefault(static report => report is not ("loss" or "refused")) != "partly unavailable")
        {
            Report("partly unavailable");
        }
    }

    /// <inheritdoc/>
    public void OnAvailable() => Report("available");

    /// <inheritdoc/>
    public void OnPossibleLoss(string description) => Report("loss");

    /// <inheritdoc/>
    public void OnSubscriptionRefused(string channel, BackplaneRefusedException cause) => Report("refused");

    private int Count(string channel)
    {
        lock (_lock)
        {
            Assert.Null(_violation);
            return _channels.TryGetValue(channel, out var recording) ? recording.Payloads.Count : 0;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Report(string report)
    {
        lock (_lock)
        {
            _reports.Add(report);
        }

        Signal();
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
                Assert.Fail($"Waited for {expectation()}; the transport reported [{string.Join(", ", Reports)}].");
            }
        }
    }

    private sealed class Recording
    {
        public int Entered;

        public List<ReadOnlyMemory<byte>> Payloads { get; } = [];
    }
}

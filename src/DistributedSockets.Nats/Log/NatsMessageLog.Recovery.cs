using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Notices outages and ends them.</summary>
internal sealed partial class NatsMessageLog
{
    private const int ParallelFeeds = 16;

    // How often a look is taken at whether entries arrive and JetStream answers.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(3);

    private Task? _listening;

    /// <summary>Reaches JetStream, sees to it that the entries of all subscribed hubs arrive, and notices when they do not.</summary>
    private async Task HoldAsync(TransportHold hold, CancellationToken stop)
    {
        if (!_connector.IsConnected)
        {
            await _connector.ConnectAsync().WaitAsync(_timeout, _time, stop).ConfigureAwait(false);
        }

        if (_listening is null or { IsCompleted: true, IsCompletedSuccessfully: false })
        {
            _listening = _answers.BeginAsync();
            await _listening.WaitAsync(_timeout, _time, stop).ConfigureAwait(false);
        }

        await _api.FindStreamsAsync(_anyHub, stop).ConfigureAwait(false); // whether JetStream answers
        await EnsureFeedsAsync(stop).ConfigureAwait(false);
        if (!_connector.IsConnected || !hold.TryReportAvailable())
        {
            return;
        }

        while (await hold.WaitAsync(LookInterval, stop).ConfigureAwait(false))
        {
            // A consumer that is lost while the connection stands is made anew behind the last entry, of which nobody need hear.
            await EnsureFeedsAsync(stop).ConfigureAwait(false);
            await _api.FindStreamsAsync(_anyHub, stop).ConfigureAwait(false); // whether JetStream answers
        }
    }

    /// <summary>Sees to it that entries of all subscribed hubs arrive. One that is being subscribed is left to whoever does.</summary>
    private Task EnsureFeedsAsync(CancellationToken stop) =>
        Parallel.ForEachAsync(
            _hubs.Values.Select(static state => state.Feed).OfType<NatsLogFeed>().Where(static feed => feed is { HasBegun: true, IsWhole: false }),
            new ParallelOptions { MaxDegreeOfParallelism = ParallelFeeds, CancellationToken = stop },
            static (feed, token) => new ValueTask(feed.EnsureAsync(token)));

    private ValueTask OnDisconnected(object? sender, NatsEventArgs args)
    {
        foreach (var state in _hubs.Values)
        {
            // What was lost on the way is sent again, and a server that is back has to prove what it has.
            state.Feed?.Break();
            state.Log.Forget();
        }

        _answers.Fail("The connection to NATS was lost before an entry was confirmed; it may be in the log.");
        _monitor.ReportLost(new NatsException("The connection to NATS was lost."));
        return ValueTask.CompletedTask;
    }

    private ValueTask OnOpened(object? sender, NatsEventArgs args)
    {
        _monitor.RetryNow();
        return ValueTask.CompletedTask;
    }

    private void OnStateChanged(TransportState before, TransportState state, Exception? cause)
    {
        if (state == TransportState.Unavailable && before != TransportState.Unavailable)
        {
            Log.Unavailable(_logger, cause);
        }
        else if (state == TransportState.Available)
        {
            Log.Available(_logger, _connector.Connection.ServerInfo?.Name);
        }
    }
}

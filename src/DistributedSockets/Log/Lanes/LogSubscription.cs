using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Keeps this node subscribed to the log of one hub, and at each heartbeat tells the lane where the log ends: a hole at the end shows by nothing else.</summary>
internal sealed partial class LogSubscription(
    HubConnections hub, HubLog log, HubLogs logs, IMessageLog messages, LogLane lane, LossReporter losses, TimeSpan interval, TimeProvider time, FailSafeLogger logger)
{
    /// <summary>When to try again while the log is away, unless it says before that it is back.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();
    private readonly SemaphoreSlim _woken = new(0);
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private Task _loop = Task.CompletedTask;
    private bool _isSubscribed;
    private bool _saidAway;
    private bool _isShort;

    internal LogLane Lane => lane;

    /// <summary>Ends when the hub is subscribed and its lane has a position: what is appended from then on is delivered.</summary>
    internal Task Begun => _begun.Task;

    /// <summary>Begins to subscribe, once the log has been started.</summary>
    internal void Start(Task started) => _loop = Task.Run(() => RunAsync(started, _ending.Token));

    /// <summary>The log is back: whatever was left out meanwhile is read.</summary>
    internal void Wake()
    {
        _woken.Release();
        lane.Wake();
    }

    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _ending.CancelAllAsync();
        _begun.TrySetCanceled(CancellationToken.None);
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await lane.StopAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_loop.IsCompleted && _isSubscribed)
        {
            var unsubscribing = messages.UnsubscribeAsync(log.Hub, cancellationToken).AsTask();
            unsubscribing.Observe();
            await unsubscribing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync(Task started, CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            var pause = interval;
            try
            {
                await started.WaitAsync(ending);
                await BeatAsync(ending);
            }
            catch (Exception exception)
            {
                if (ending.IsCancellationRequested)
                {
                    return;
                }

                pause = s_pause < interval ? s_pause : interval;
                if (!_saidAway)
                {
                    _saidAway = true;
                    Log.NotAsked(logger, hub.Name, exception);
                }
            }

            using var waiting = CancellationTokenSource.CreateLinkedTokenSource(ending);
            await Task.WhenAny(_woken.WaitAsync(waiting.Token), Task.Delay(pause, time, waiting.Token));
            await waiting.CancelAsync();
        }
    }

    private async Task BeatAsync(CancellationToken ending)
    {
        if (!_isSubscribed)
        {
            await messages.SubscribeAsync(log.Hub, ending);
            _isSubscribed = true;
        }

        var (reached, askedAt) = (lane.Position, time.GetTimestamp());
        var end = await messages.GetEndAsync(log.Hub, ending); // behind the subscribe, so that nothing is between the two
        LookBack(reached, end);
        var waited = hub.Count > 0;
        if (lane.NoteEnd(end, askedAt) && waited)
        {
            losses.Report(
                PossibleLossCause.MessageLog,
                $"The log of hub '{hub.Name}' could be subscribed only late, when there were connections already; what was logged before is not delivered to them.",
                _startedAt);
        }

        _begun.TrySetResult();
        if (_saidAway)
        {
            _saidAway = false;
            Log.AskedAgain(logger, hub.Name);
        }
    }

    /// <summary>Tells all of it if the log has less than this node has received. Said twice, so that no answer that came late is taken for a loss.</summary>
    private void LookBack(in LogPosition reached, in LogPosition end)
    {
        var isShort = end.Epoch == reached.Epoch && end.Offset < reached.Offset;
        if (isShort && _isShort)
        {
            logs.TellLost(hub, end.Epoch, end.Offset, reached.Offset);
        }

        _isShort = isShort;
    }

    private static partial class Log
    {
        [LoggerMessage(294, LogLevel.Warning, "The log of hub {Hub} could not be subscribed, or not be asked where it ends. It is tried every second.")]
        public static partial void NotAsked(ILogger logger, string hub, Exception exception);

        [LoggerMessage(295, LogLevel.Information, "The log of hub {Hub} is subscribed, and answers again.")]
        public static partial void AskedAgain(ILogger logger, string hub);
    }
}

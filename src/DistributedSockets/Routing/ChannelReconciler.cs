using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Subscribes what is missing after an outage, gives up idle channels, and passes on reports of loss that were held back.</summary>
internal sealed partial class ChannelReconciler(
    ChannelSubscriptions subscriptions,
    BackplaneOutages outages,
    EnvelopeSorter sorter,
    NodeHealth health,
    LossReporter losses,
    TimeProvider time,
    FailSafeLogger<ChannelReconciler> logger)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _recovered = new(0);
    private Task _loop = Task.CompletedTask;
    private bool _saidRefused;

    internal void Start()
    {
        outages.Recovered += OnRecovered;
        sorter.SubscriptionRefused += subscriptions.Refuse;
        _loop = RunAsync(_stopping.Token);
    }

    /// <summary>Ends the loop; a backplane that does not answer is not waited for longer than the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        outages.Recovered -= OnRecovered;
        sorter.SubscriptionRefused -= subscriptions.Refuse;
        await _stopping.CancelAllAsync();
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void OnRecovered() => _recovered.Release();

    private async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                using (var pause = CancellationTokenSource.CreateLinkedTokenSource(stopping))
                {
                    await Task.WhenAny(_recovered.WaitAsync(pause.Token), Task.Delay(s_interval, time, pause.Token));
                    await pause.CancelAsync();
                }

                losses.Flush();
                sorter.Trim();
                await subscriptions.ReconcileAsync();
                WarnOfRefusal();
            }
            catch (BackplaneUnavailableException) when (health.IsBackplaneAway || health.IsBackplanePartlyAway)
            {
                // Said already, and tried again every time: what belongs to a part that is there must not wait for the others.
            }
            catch (BackplaneUnavailableException exception)
            {
                Log.SubscribeFailed(logger, exception);
            }
            catch (Exception exception)
            {
                Log.ReconcileFailed(logger, exception); // without this loop no channel would come back
            }
        }
    }

    /// <summary>Says it once when it begins: what is refused is asked for again every time.</summary>
    private void WarnOfRefusal()
    {
        var refusal = subscriptions.Refusal;
        if (refusal is not null && !_saidRefused)
        {
            Log.Refused(logger, refusal);
        }

        _saidRefused = refusal is not null;
    }

    private static partial class Log
    {
        [LoggerMessage(171, LogLevel.Error, "Looking after the channels failed; it is tried again in 2 seconds.")]
        public static partial void ReconcileFailed(ILogger logger, Exception exception);

        [LoggerMessage(172, LogLevel.Error, "{Refusal} It is tried again every 2 seconds, so it heals when the permissions are put right.")]
        public static partial void Refused(ILogger logger, string refusal);

        [LoggerMessage(170, LogLevel.Warning, "Channels could not be subscribed; connections may miss messages of other nodes until they are. Tried again in 2 seconds.")]
        public static partial void SubscribeFailed(ILogger logger, Exception exception);
    }
}

using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Tells the observers of the cluster's events, one after the other, off the path of messages.</summary>
internal sealed partial class ClusterEvents(
    IServiceProvider services, DistributedWebSocketsMetrics metrics, TimeProvider time, FailSafeLogger<ClusterEvents> logger)
{
    private const int Capacity = 65_536;

    /// <summary>How long an observer that was told to end may take to do so.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(1);

    private readonly Channel<object> _events = Channel.CreateBounded<object>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly CancellationTokenSource _stopped = new();
    private readonly RareLog _droppedLog = new(1, time);
    private IClusterObserver[] _observers = [];
    private volatile bool _completed;
    private Task _loop = Task.CompletedTask;

    internal bool HasObservers => _observers.Length > 0;

    internal void Start()
    {
        // Not before: an observer may ask for a router, which cannot be made without this.
        _observers = [.. services.GetServices<IClusterObserver>()];
        _loop = RunAsync();
    }

    internal void SessionStarted(Session session) => Add(session);

    internal void SessionEnded(Session session, SessionEndCause cause)
    {
        if (HasObservers)
        {
            Add(new SessionEnded { Session = session, Cause = cause });
        }
    }

    internal void PossiblyLost(PossibleLoss loss) => Add(loss);

    /// <summary>Tells what has happened so far, then ends; an observer that still works when the token is cancelled is told so and left.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        _completed = true;
        _events.Writer.TryComplete();
        try
        {
            await _loop.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await _stopped.CancelAllAsync();
            await Task.WhenAny(_loop, Task.Delay(s_grace, time, CancellationToken.None));
            if (!_loop.IsCompleted)
            {
                Log.ObserverHangs(logger);
            }
        }
    }

    private void Add(object item)
    {
        if (!HasObservers || _events.Writer.TryWrite(item) || _completed)
        {
            return;
        }

        metrics.EventsDropped(1, "queue_full");
        if (_droppedLog.TryPass(out var others))
        {
            Log.EventDropped(logger, Capacity, others);
        }
    }

    private async Task RunAsync()
    {
        await foreach (var item in _events.Reader.ReadAllAsync())
        {
            foreach (var observer in _observers)
            {
                try
                {
                    await (item switch
                    {
                        Session session => observer.OnSessionStartedAsync(session, _stopped.Token),
                        SessionEnded ended => observer.OnSessionEndedAsync(ended, _stopped.Token),
                        _ => observer.OnPossibleLossAsync((PossibleLoss)item, _stopped.Token),
                    });
                }
                catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
                {
                }
                catch (Exception exception)
                {
                    metrics.EventsDropped(1, "observer_failed");
                    Log.ObserverFailed(logger, observer.GetType(), exception);
                }
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(140, LogLevel.Error, "Cluster observer {Observer} threw.")]
        public static partial void ObserverFailed(ILogger logger, Type observer, Exception exception);

        [LoggerMessage(142, LogLevel.Error, "A cluster observer was told to stop and is still working; the node stops without waiting for it.")]
        public static partial void ObserverHangs(ILogger logger);

        [LoggerMessage(141, LogLevel.Error, "The cluster observers are too slow: {Capacity} events wait, and one was dropped. {Others} more were dropped since the last report.")]
        public static partial void EventDropped(ILogger logger, int capacity, int others);
    }
}

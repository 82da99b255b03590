using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>What waits to be told to one observer, one event after the other. An observer that is slow or hangs holds up no other.</summary>
internal sealed partial class ObserverQueue(
    object observer, Func<object, CancellationToken, ValueTask> tell, DistributedWebSocketsMetrics metrics, TimeProvider time, FailSafeLogger<ClusterEvents> logger)
{
    private const int Capacity = 65_536;

    /// <summary>How long an observer may take for one event before its token tells it to end.</summary>
    internal static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);

    /// <summary>How long an observer that was told to end may take to do so.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(1);

    private readonly Channel<object> _events = Channel.CreateBounded<object>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly CancellationTokenSource _stopped = new();
    private readonly RareLog _droppedLog = new(1, time);
    private volatile bool _completed;
    private Task _loop = Task.CompletedTask;

    internal void Start() => _loop = RunAsync();

    /// <summary>Adds an event; false if it will never be told.</summary>
    internal bool Add(object item)
    {
        if (_events.Writer.TryWrite(item))
        {
            return true;
        }

        if (_completed)
        {
            return false;
        }

        metrics.EventsDropped(1, "queue_full");
        if (_droppedLog.TryPass(out var others))
        {
            Log.EventDropped(logger, observer.GetType(), Capacity, others);
        }

        return false;
    }

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
                Log.ObserverHangs(logger, observer.GetType());
            }
        }
    }

    private async Task RunAsync()
    {
        await foreach (var item in _events.Reader.ReadAllAsync())
        {
            try
            {
                await TellAsync(item);
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

    private async Task TellAsync(object item)
    {
        using var limit = new TimeLimit(CallLimit, time, _stopped.Token);
        var call = tell(item, limit.Token).AsTask();
        try
        {
            await call.WaitAsync(CallLimit, time);
        }
        catch (TimeoutException)
        {
            if (!call.IsCompleted)
            {
                Log.ObserverSlow(logger, observer.GetType(), CallLimit);
            }

            await call; // the next event comes after this one, whatever it takes; and if it has just ended, what counts is how
        }
    }

    private static partial class Log
    {
        [LoggerMessage(140, LogLevel.Error, "Cluster observer {Observer} threw.")]
        public static partial void ObserverFailed(ILogger logger, Type observer, Exception exception);

        [LoggerMessage(141, LogLevel.Error, "Cluster observer {Observer} is too slow: {Capacity} events wait, and one was dropped. {Others} more were dropped since the last report.")]
        public static partial void EventDropped(ILogger logger, Type observer, int capacity, int others);

        [LoggerMessage(142, LogLevel.Error, "Cluster observer {Observer} was told to stop and is still working; the node stops without waiting for it.")]
        public static partial void ObserverHangs(ILogger logger, Type observer);

        [LoggerMessage(143, LogLevel.Error, "Cluster observer {Observer} has not returned within {Time} and was told to stop; its next events wait for it.")]
        public static partial void ObserverSlow(ILogger logger, Type observer, TimeSpan time);
    }
}

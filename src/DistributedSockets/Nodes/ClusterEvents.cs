using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>Tells the observers of the cluster's events, off the path of messages.</summary>
internal sealed class ClusterEvents(
    IServiceProvider services, DistributedWebSocketsMetrics metrics, TimeProvider time, FailSafeLogger<ClusterEvents> logger)
{
    private ObserverQueue[] _observers = [];

    internal bool HasObservers => _observers.Length > 0;

    internal void Start()
    {
        // Not before: an observer may ask for a router, which cannot be made without this.
        _observers = [.. services.GetServices<IClusterObserver>().Select(observer => new ObserverQueue(
            observer, (item, token) => TellAsync(observer, item, token), metrics, time, logger))];
        foreach (var observer in _observers)
        {
            observer.Start();
        }
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

    /// <summary>Tells what has happened so far, then ends; observers that still work when the token is cancelled are told so and left.</summary>
    internal Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(Array.ConvertAll(_observers, observer => observer.StopAsync(cancellationToken)));

    private static ValueTask TellAsync(IClusterObserver observer, object item, CancellationToken cancellationToken) => item switch
    {
        Session session => observer.OnSessionStartedAsync(session, cancellationToken),
        SessionEnded ended => observer.OnSessionEndedAsync(ended, cancellationToken),
        _ => observer.OnPossibleLossAsync((PossibleLoss)item, cancellationToken),
    };

    private void Add(object item)
    {
        foreach (var observer in _observers)
        {
            observer.Add(item);
        }
    }
}

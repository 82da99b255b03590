using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>Tells the observers of presence, each in a queue of its own.</summary>
internal sealed class PresenceEvents(
    IServiceProvider services, DistributedWebSocketsMetrics metrics, TimeProvider time, FailSafeLogger<ClusterEvents> logger)
{
    private ObserverQueue[] _observers = [];

    internal bool HasObservers => _observers.Length > 0;

    internal void Start()
    {
        // Not before: an observer may ask for a router or a roster.
        _observers = [.. services.GetServices<IPresenceObserver>().Select(observer => new ObserverQueue(
            observer, (notice, token) => TellAsync(observer, (PresenceNotice)notice, token), metrics, time, logger))];
        foreach (var observer in _observers)
        {
            observer.Start();
        }
    }

    /// <summary>Tells a change, and says when that has been done. There must be observers.</summary>
    internal void Tell(PresenceChange change, Action onTold)
    {
        var notice = new PresenceNotice(change, _observers.Length, onTold);
        foreach (var observer in _observers)
        {
            if (!observer.Add(notice))
            {
                notice.End();
            }
        }
    }

    /// <summary>Tells what has happened so far, then ends; observers that still work when the token is cancelled are told so and left.</summary>
    internal Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(Array.ConvertAll(_observers, observer => observer.StopAsync(cancellationToken)));

    private static async ValueTask TellAsync(IPresenceObserver observer, PresenceNotice notice, CancellationToken cancellationToken)
    {
        try
        {
            await observer.OnPresenceChangedAsync(notice.Change, cancellationToken);
        }
        finally
        {
            notice.End();
        }
    }
}

namespace DistributedSockets.WebPubSub;

/// <summary>The invocations of one client that the app has not answered yet. They run beside its other requests, so that it can cancel them.</summary>
internal sealed class Invocations(CancellationToken aborted)
{
    /// <summary>How many a client may have open at once.</summary>
    internal const int MaxOpen = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, CancellationTokenSource> _open = new(StringComparer.Ordinal);

    /// <summary>Begins an invocation.</summary>
    /// <returns>Its cancellation; null if its id is in use, or too many are open.</returns>
    internal CancellationTokenSource? TryBegin(string id)
    {
        lock (_gate)
        {
            if (_open.Count >= MaxOpen || _open.ContainsKey(id))
            {
                return null;
            }

            return _open[id] = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        }
    }

    internal void Cancel(string id)
    {
        CancellationTokenSource? open;
        lock (_gate)
        {
            _open.Remove(id, out open);
        }

        open?.Cancel();
        open?.Dispose(); // whoever removes it does that, once
    }

    internal void End(string id, CancellationTokenSource invocation)
    {
        lock (_gate)
        {
            if (_open.GetValueOrDefault(id) != invocation)
            {
                return; // cancelled
            }

            _open.Remove(id);
        }

        invocation.Dispose();
    }
}

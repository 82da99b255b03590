namespace DistributedSockets;

/// <summary>A token for code that is not ours, cancelled after a time.</summary>
/// <remarks>What such code registers on a token may throw, and on the thread of a timer that would end the process.</remarks>
internal sealed class TimeLimit : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly ITimer _timer;
    private volatile bool _isReached;

    /// <param name="limit">How long.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels it before.</param>
    internal TimeLimit(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken = default)
    {
        _source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _timer = time.CreateTimer(static self => ((TimeLimit)self!).Reach(), this, limit, Timeout.InfiniteTimeSpan); // self is this
    }

    internal CancellationToken Token => _source.Token;

    /// <summary>Whether the time has run out.</summary>
    internal bool IsReached => _isReached;

    public void Dispose()
    {
        _timer.Dispose();
        _source.Dispose();
    }

    private void Reach()
    {
        _isReached = true;
        try
        {
            _source.Cancel();
        }
        catch (Exception exception) when (exception is AggregateException or ObjectDisposedException)
        {
            // Of whoever registered it, and all others have been told; or it was disposed at this moment.
        }
    }
}

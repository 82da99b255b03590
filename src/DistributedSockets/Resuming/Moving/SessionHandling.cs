namespace DistributedSockets;

/// <summary>Counts the calls of a session's handler, so that they can be ended before another connection goes on with the session.</summary>
internal sealed class SessionHandling
{
    private int _running;
    private bool _isStopped;
    private TaskCompletionSource? _idle;

    /// <summary>Whether the handler is called no more.</summary>
    internal bool IsStopped
    {
        get
        {
            lock (this)
            {
                return _isStopped;
            }
        }
    }

    /// <summary>Counts a call in; false if there may be no more. Pair it with <see cref="End"/>.</summary>
    internal bool TryBegin()
    {
        lock (this)
        {
            if (_isStopped)
            {
                return false;
            }

            _running++;
            return true;
        }
    }

    internal void End()
    {
        lock (this)
        {
            if (--_running == 0)
            {
                _idle?.TrySetResult(); // who waits goes on elsewhere
            }
        }
    }

    /// <summary>Lets no more calls begin, and waits until those that have begun have returned.</summary>
    internal Task StopAsync()
    {
        lock (this)
        {
            _isStopped = true;
            return _running == 0 ? Task.CompletedTask : (_idle ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }
}

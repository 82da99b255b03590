namespace DistributedSockets;

/// <summary>A question of which one is under way at a time: all that ask meanwhile share the next one, so that each answer is newer than whoever asked.</summary>
internal sealed class NatsSharedQuestion<T>(Func<Task<T>> ask)
{
    private readonly Lock _gate = new();
    private Task<T>? _underWay;
    private Task<T>? _next;

    public Task<T> AskAsync()
    {
        lock (_gate)
        {
            if (_underWay is null or { IsCompleted: true } && _next is null)
            {
                _underWay = ask();
                _underWay.Observe(); // whoever asked may have given up
                return _underWay;
            }

            if (_next is null)
            {
                _next = AskBehindAsync(_underWay!);
                _next.Observe();
            }

            return _next;
        }
    }

    private async Task<T> AskBehindAsync(Task before)
    {
        await Task.Yield(); // off the lock
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task<T> asking;
        lock (_gate)
        {
            _next = null;
            _underWay = asking = ask();
            asking.Observe();
        }

        return await asking.ConfigureAwait(false);
    }
}

namespace DistributedSockets;

/// <summary>Disposes what only knows how to do so asynchronously, for those who dispose synchronously, such as a service provider.</summary>
internal static class SyncDisposal
{
    /// <summary>How long a thread is held up; what takes longer goes on without it.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    internal static void Dispose(IAsyncDisposable disposable)
    {
        // On a thread of the pool, so that an implementation that comes back to its caller's context does not wait for the caller.
        var disposal = Task.Run(() => disposable.DisposeAsync().AsTask());
        if (Task.WaitAny([disposal], s_patience) == 0)
        {
            disposal.GetAwaiter().GetResult(); // with the exception as it was thrown
            return;
        }

        _ = disposal.ContinueWith(
            static late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default); // nobody waits for it any more
    }
}

namespace DistributedSockets;

/// <summary>Waits for what may never answer.</summary>
internal static class BoundedWait
{
    /// <summary>Waits for a call, but no longer than it may take. It is told to end then, and if it does not, goes on alone.</summary>
    /// <exception cref="TimeoutException">It took too long.</exception>
    internal static async Task<T> WithinAsync<T>(
        this Func<CancellationToken, ValueTask<T>> call, string who, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        using var expired = new CancellationTokenSource(timeout, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(expired.Token, cancellationToken);
        var answer = call(ended.Token).AsTask();
        try
        {
            return await answer.WaitAsync(ended.Token);
        }
        catch (OperationCanceledException exception) when (expired.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{who} did not answer within {timeout}.", exception);
        }
        finally
        {
            answer.Observe();
        }
    }

    /// <summary>Sees to it that a failure nobody waits for any more is not reported as unobserved.</summary>
    internal static void Observe(this Task task)
    {
        if (task.IsCompleted)
        {
            _ = task.Exception; // which counts as having seen it
            return;
        }

        task.ContinueWith(
            static failed => _ = failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }
}

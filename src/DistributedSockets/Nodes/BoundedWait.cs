namespace DistributedSockets;

/// <summary>Waits for what may never answer.</summary>
internal static class BoundedWait
{
    /// <summary>Waits for a call, but no longer than it may take. It is told to end then, and if it does not, goes on alone.</summary>
    /// <exception cref="TimeoutException">It took too long.</exception>
    internal static async Task<T> WithinAsync<T>(
        this Func<CancellationToken, ValueTask<T>> call, string who, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new TimeLimit(timeout, time, cancellationToken);
        var answer = call(limit.Token).AsTask();
        try
        {
            return await answer.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException exception) when (limit.IsReached && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{who} did not answer within {timeout}.", exception);
        }
        finally
        {
            answer.Observe();
        }
    }

    /// <summary>Waits for a call that has the token, but may not heed it. It goes on alone then.</summary>
    internal static async Task WithinAsync(this ValueTask call, CancellationToken cancellationToken)
    {
        var ended = call.AsTask();
        ended.Observe();
        await ended.WaitAsync(cancellationToken);
    }

    /// <summary>Cancels what may have been handed to code that is not ours; what that has registered may throw, and all others are told.</summary>
    internal static async Task CancelAllAsync(this CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync();
        }
        catch (AggregateException)
        {
            // Of whoever registered it.
        }
    }
}

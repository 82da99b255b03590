namespace DistributedSockets.Testing;

/// <summary>Tells whoever waits for something in a cluster that something has changed.</summary>
internal sealed class Pulse
{
    private TaskCompletionSource _next = NewSignal();

    internal void Fire() => Interlocked.Exchange(ref _next, NewSignal()).TrySetResult();

    /// <summary>Returns when the condition holds.</summary>
    /// <exception cref="TimeoutException">It did not, within the guard.</exception>
    internal async Task WaitUntilAsync(Func<ValueTask<bool>> condition, Func<string> expectation, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var next = Volatile.Read(ref _next).Task;
            if (await condition())
            {
                return;
            }

            var left = Eventually.Guard - TimeProvider.System.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                throw new TimeoutException($"Within {Eventually.Guard} this never held: {expectation()}.");
            }

            try
            {
                await next.WaitAsync(left, cancellationToken);
            }
            catch (TimeoutException)
            {
                // Asked once more.
            }
        }
    }

    /// <inheritdoc cref="WaitUntilAsync(Func{ValueTask{bool}}, Func{string}, CancellationToken)"/>
    internal Task WaitUntilAsync(Func<bool> condition, Func<string> expectation, CancellationToken cancellationToken) =>
        WaitUntilAsync(() => new ValueTask<bool>(condition()), expectation, cancellationToken);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

namespace DistributedSockets.Testing;

/// <summary>Waits for conditions that nothing announces.</summary>
public static class Eventually
{
    private static readonly AsyncLocal<TimeSpan?> Impatience = new();

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>How long anything may take before it counts as hanging: 60 seconds.</summary>
    public static TimeSpan Guard => Impatience.Value ?? TimeSpan.FromSeconds(60);

    /// <summary>Returns when the condition holds, and fails the test if it never does.</summary>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="expectation">What is waited for, for the message.</param>
    public static async Task TrueAsync(Func<Task<bool>> condition, string expectation)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Guard, $"Within {Guard} this never held: {expectation}.");
            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    /// <inheritdoc cref="TrueAsync(Func{Task{bool}}, string)"/>
    public static Task TrueAsync(Func<bool> condition, string expectation) => TrueAsync(() => Task.FromResult(condition()), expectation);

    /// <summary>Waits for a task, but never for ever.</summary>
    /// <param name="task">The task.</param>
    public static Task WithinGuardAsync(this Task task)
    {
        Observe(task);
        return task.WaitAsync(Guard, TestContext.Current.CancellationToken);
    }

    /// <inheritdoc cref="WithinGuardAsync(Task)"/>
    public static Task<T> WithinGuardAsync<T>(this Task<T> task)
    {
        Observe(task);
        return task.WaitAsync(Guard, TestContext.Current.CancellationToken);
    }

    /// <inheritdoc cref="WithinGuardAsync(Task)"/>
    public static Task<T> WithinGuardAsync<T>(this ValueTask<T> task) => task.AsTask().WithinGuardAsync();

    /// <inheritdoc cref="WithinGuardAsync(Task)"/>
    public static Task WithinGuardAsync(this ValueTask task) => task.AsTask().WithinGuardAsync();

    /// <summary>Shortens the guard for what the caller calls from here on: for tests that want to see something hang.</summary>
    /// <param name="guard">How long it waits.</param>
    internal static void ShortenGuard(TimeSpan guard) => Impatience.Value = guard;

    /// <summary>Looks at the exception of a task that may fail after the wait for it was given up; who waits gets it all the same.</summary>
    private static void Observe(Task task) => task.ContinueWith(
        static failed => _ = failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}

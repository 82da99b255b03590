namespace DistributedSockets.Tests;

/// <summary>Collects failures of tasks that nobody looked at; those with a certain message, as tests run beside each other.</summary>
internal sealed class UnobservedFailures : IDisposable
{
    private readonly string _message;
    private int _count;

    internal UnobservedFailures(string message)
    {
        _message = message;
        TaskScheduler.UnobservedTaskException += OnUnobserved;
    }

    /// <summary>Has the finalizers of forgotten tasks run, and asserts that none of them had failed unseen.</summary>
    internal void AssertNone()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(0, Volatile.Read(ref _count));
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= OnUnobserved;

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs args)
    {
        if (args.Exception.Flatten().InnerExceptions.Any(exception => exception.ToString().Contains(_message, StringComparison.Ordinal)))
        {
            Interlocked.Increment(ref _count);
        }
    }
}

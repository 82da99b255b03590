namespace DistributedSockets;

/// <summary>What becomes of failures that nobody waits for.</summary>
internal static class TaskFailures
{
    /// <summary>Sees to it that a failure nobody waits for is not reported as unobserved.</summary>
    public static void Observe(Task task)
    {
        if (task.IsCompleted)
        {
            _ = task.Exception; // which counts as having seen it
        }
        else
        {
            task.ContinueWith(
                static faulted => _ = faulted.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }
}

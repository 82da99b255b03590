namespace DistributedSockets;

/// <summary>What becomes of the failures of tasks that may be left alone.</summary>
public static class TaskObservation
{
    /// <summary>
    /// Sees to it that a failure that nobody waits for any more is not reported as unobserved. Call it for each task that a time limit or a
    /// cancellation may leave behind, as by <see cref="Task.WaitAsync(TimeSpan)"/>; who still waits for the task hears of its failure all the same.
    /// </summary>
    /// <param name="task">The task.</param>
    public static void Observe(this Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
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

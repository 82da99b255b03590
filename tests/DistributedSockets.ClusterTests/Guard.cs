using System.Diagnostics;
using System.Net;

namespace DistributedSockets.ClusterTests;

/// <summary>Waits for conditions, with one limit against hanging.</summary>
internal static class Guard
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(25);

    /// <summary>Waits for something to end.</summary>
    /// <exception cref="TimeoutException">It does not; with what the processes have printed.</exception>
    public static async Task<T> Guarded<T>(this Task<T> task, string what)
    {
        await ((Task)task).Guarded(what);
        return await task;
    }

    /// <inheritdoc cref="Guarded{T}"/>
    public static async Task Guarded(this Task task, string what)
    {
        try
        {
            await task.WaitAsync(Limit, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"{what}: not within {Limit}.{Environment.NewLine}{ChildProcess.OutputOfAll()}");
        }
    }

    /// <summary>Asks again and again until the answer is yes.</summary>
    /// <exception cref="TimeoutException">It never is; with what the processes have printed.</exception>
    public static Task UntilAsync(Func<Task<bool>> condition, string what) =>
        UntilAsync(condition, static done => done, what);

    /// <summary>Asks again and again until the answer is good, and gives that answer. A node that answers 503 is asked again.</summary>
    /// <exception cref="TimeoutException">It never is; with the last answer and what the processes have printed.</exception>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> isGood, string what)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            object? last;
            try
            {
                var answer = await ask();
                if (isGood(answer))
                {
                    return answer;
                }

                last = answer;
            }
            catch (HttpRequestException exception) when (exception.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                last = exception.Message;
            }

            if (Stopwatch.GetElapsedTime(started) > Limit)
            {
                throw new TimeoutException($"{what}: not within {Limit}, last: {last}.{Environment.NewLine}{ChildProcess.OutputOfAll()}");
            }

            await Task.Delay(Interval, TestContext.Current.CancellationToken);
        }
    }
}

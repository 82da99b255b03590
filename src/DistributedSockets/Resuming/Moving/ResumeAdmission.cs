using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Lets clients come back to their sessions at a rate, and tells the others when to try again, so that those who come from a lost node do not come all at once again.</summary>
internal sealed class ResumeAdmission(SessionFollower follower, IOptions<DistributedWebSocketsOptions> options, DistributedWebSocketsMetrics metrics, TimeProvider time)
{
    private const int MaxWaitSeconds = 60;

    private readonly Lock _gate = new();
    private Pace _admitted = new(options.Value.MaxResumesPerSecond);
    private Pace _refused = new(options.Value.MaxResumesPerSecond);

    /// <summary>Counts a client in, or says why not now.</summary>
    internal Refusal? TryEnter()
    {
        TimeSpan wait;
        var isReading = follower.IsSaturated;
        lock (_gate)
        {
            var now = time.GetTimestamp();
            if (!isReading && _admitted.TryTake(time, now))
            {
                return null;
            }

            wait = _refused.Take(1, time, now); // each has a turn of its own, at the rate at which they are let in
        }

        metrics.Resumed(ResumeOutcome.ToldToWait);
        return new(
            StatusCodes.Status503ServiceUnavailable,
            "This server has many sessions to take up at the moment. Connect again after a while.",
            RefusalKind.MaxResumes,
            isReading
                ? $"The log is read for {options.Value.MaxReplays} sessions that catch up, and as many wait. Raise DistributedWebSocketsOptions.MaxReplays if the log can take more."
                : $"The node has taken up {options.Value.MaxResumesPerSecond} sessions within a second. Raise DistributedWebSocketsOptions.MaxResumesPerSecond if it can take more.")
        {
            RetryAfter = RetryAfter(wait),
        };
    }

    /// <summary>When to come again: in turn, but with so much of chance that those whose clocks go alike do not come together.</summary>
    private static int RetryAfter(TimeSpan wait)
    {
        var seconds = Math.Clamp((int)Math.Ceiling(wait.TotalSeconds), 0, MaxWaitSeconds / 2);
        return 1 + seconds + Random.Shared.Next(2 + (seconds / 2));
    }
}

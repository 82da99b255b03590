using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Reports possible loss to the app, the log and the metrics: at once, then at most once per second and cause.</summary>
internal sealed partial class LossReporter(
    ClusterEvents events, DistributedWebSocketsMetrics metrics, TimeProvider time, FailSafeLogger<LossReporter> logger)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Pending[] _pending = [new(), new(), new(), new(), new()];

    /// <summary>Called when something may have been lost, on the thread that reports it.</summary>
    internal event Action? Lost;

    /// <summary>Reports that something may have been lost just now, or since a moment.</summary>
    internal void Report(PossibleLossCause cause, string description, DateTimeOffset? since = null)
    {
        PossibleLoss? loss = null;
        lock (_gate)
        {
            var pending = _pending[(int)cause];
            var now = time.GetUtcNow();
            pending.Count++;
            var from = since ?? now;
            pending.From = pending.Count == 1 || from < pending.From ? from : pending.From;
            pending.Description = description;
            if (now - pending.ReportedAt >= s_pause)
            {
                loss = TakeLocked(cause, pending, now);
            }
        }

        Raise(loss);
    }

    /// <summary>Reports an interval in which something may have been lost.</summary>
    internal void Report(PossibleLossCause cause, DateTimeOffset from, string description) =>
        Raise(Loss(cause, from, time.GetUtcNow(), description));

    /// <summary>Reports what was held back.</summary>
    internal void Flush()
    {
        for (var i = 0; i < _pending.Length; i++)
        {
            PossibleLoss? loss = null;
            lock (_gate)
            {
                if (_pending[i].Count > 0)
                {
                    loss = TakeLocked((PossibleLossCause)i, _pending[i], time.GetUtcNow());
                }
            }

            Raise(loss);
        }
    }

    private static PossibleLoss TakeLocked(PossibleLossCause cause, Pending pending, DateTimeOffset now)
    {
        var description = pending.Count == 1 ? pending.Description : $"{pending.Description} ({pending.Count} times)";
        pending.Count = 0;
        pending.ReportedAt = now;
        return Loss(cause, pending.From, now, description);
    }

    /// <summary>The clock may have been set back since the loss began.</summary>
    private static PossibleLoss Loss(PossibleLossCause cause, DateTimeOffset from, DateTimeOffset to, string description) =>
        new() { Cause = cause, From = from < to ? from : to, To = to, Description = description };

    private void Raise(PossibleLoss? loss)
    {
        if (loss is not null)
        {
            metrics.PossiblyLost(loss.Cause);
            Log.PossiblyLost(logger, loss.Cause, loss.From, loss.To, loss.Description);
            events.PossiblyLost(loss);
            Lost?.Invoke();
        }
    }

    private sealed class Pending
    {
        internal int Count;
        internal DateTimeOffset From;
        internal DateTimeOffset ReportedAt = DateTimeOffset.MinValue;
        internal string Description = "";
    }

    private static partial class Log
    {
        [LoggerMessage(150, LogLevel.Warning, "Messages for connections of this node may have been lost ({Cause}) from {From} to {To}: {Description}")]
        public static partial void PossiblyLost(ILogger logger, PossibleLossCause cause, DateTimeOffset from, DateTimeOffset to, string description);
    }
}

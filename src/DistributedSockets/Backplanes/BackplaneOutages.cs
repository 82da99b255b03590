using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Whether the backplane is there, partly away or away, as it reports; when it is back, tells what may be missing and who has to catch up.</summary>
/// <remarks>What is away when the node starts is logged by <see cref="NodeService"/>, together with the session store, which is often the same server.</remarks>
internal sealed partial class BackplaneOutages(
    LocalNode node, NodeHealth health, LossReporter losses, TimeProvider time, FailSafeLogger<BackplaneOutages> logger)
{
    private const string NoCause = "The transport gave no cause.";

    /// <summary>How long an outage may go unnoticed: messages may be missing from so long before it was reported.</summary>
    private static readonly TimeSpan s_unnoticed = TimeSpan.FromSeconds(15);

    /// <summary>How long nothing must arrive for that to be worth remembering.</summary>
    private static readonly TimeSpan s_gap = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private long _lastArrival = time.GetTimestamp();
    private long _gapBegan;
    private long _gapEnded;
    private DateTimeOffset _mayBeMissingFrom;

    /// <summary>Called when the backplane or a part of it is back, for what has to be done again.</summary>
    internal event Action? Recovered;

    /// <summary>Notes that something has arrived. Called by the backplane's readers, several at once.</summary>
    internal void NoteArrival(long now)
    {
        var last = Interlocked.Exchange(ref _lastArrival, now);
        if (time.GetElapsedTime(last, now) >= s_gap)
        {
            Volatile.Write(ref _gapBegan, last);
            Volatile.Write(ref _gapEnded, now);
        }
    }

    internal void OnAway(Exception? cause)
    {
        bool begins;
        lock (_gate)
        {
            begins = !health.IsBackplaneAway;
            if (begins)
            {
                NoteBeginLocked(isPart: false);
                health.BackplanePartProblem = null;
            }

            health.BackplaneProblem = cause?.Message ?? health.BackplaneProblem ?? NoCause;
            health.BackplaneOutages += begins ? 1 : 0; // last: whoever sees the new number sees the outage, too, or its end
        }

        if (begins && node.IsStarted)
        {
            Log.BackplaneAway(logger, cause);
        }
    }

    internal void OnPartlyAway(Exception? cause)
    {
        bool isBack, begins;
        lock (_gate)
        {
            isBack = health.IsBackplaneAway;
            begins = isBack || !health.IsBackplanePartlyAway;
            if (begins)
            {
                NoteBeginLocked(isPart: true);
            }

            health.BackplanePartProblem = cause?.Message ?? health.BackplanePartProblem ?? NoCause;
            health.BackplaneProblem = null;
            health.BackplaneOutages += begins ? 1 : 0; // as above
        }

        if (isBack)
        {
            Recovered?.Invoke();
        }

        if (begins && node.IsStarted)
        {
            Log.BackplanePartlyAway(logger, cause);
        }
    }

    internal void OnBack()
    {
        bool ends;
        string? part;
        DateTimeOffset from;
        lock (_gate)
        {
            ends = health.IsBackplaneAway || health.IsBackplanePartlyAway;
            part = health.BackplanePartProblem;
            from = _mayBeMissingFrom;
            health.BackplaneProblem = null;
            health.BackplanePartProblem = null;
        }

        Recovered?.Invoke();
        if (ends)
        {
            Log.BackplaneBack(logger);
            losses.Report(
                PossibleLossCause.BackplaneReconnected,
                from,
                part is null
                    ? "The backplane was away; what other nodes sent meanwhile may be missing."
                    : $"A part of the backplane was away; what other nodes sent by it meanwhile may be missing. {part}");
        }
    }

    /// <summary>Notes from when on messages may be missing, unless some are missing already.</summary>
    private void NoteBeginLocked(bool isPart)
    {
        if (health.IsBackplaneAway || health.IsBackplanePartlyAway)
        {
            return;
        }

        // Heard something lately? Then nothing older is missing, unless a part may be silent while another is heard.
        var silence = time.GetElapsedTime(Volatile.Read(ref _lastArrival));
        if (isPart || silence > s_unnoticed)
        {
            silence = s_unnoticed;
        }
        else if (Volatile.Read(ref _gapEnded) is not 0 and var ended && time.GetElapsedTime(ended) < s_unnoticed)
        {
            // A transport that has reconnected may deliver before it tells that it was away.
            var gap = time.GetElapsedTime(Volatile.Read(ref _gapBegan));
            silence = gap < s_unnoticed ? gap : s_unnoticed;
        }

        _mayBeMissingFrom = time.GetUtcNow() - silence;
    }

    private static partial class Log
    {
        [LoggerMessage(160, LogLevel.Warning, "The backplane is away; only connections of this node are reached until it returns.")]
        public static partial void BackplaneAway(ILogger logger, Exception? exception);

        [LoggerMessage(164, LogLevel.Warning, "A part of the backplane is away; what other nodes send by it does not arrive until it returns.")]
        public static partial void BackplanePartlyAway(ILogger logger, Exception? exception);

        [LoggerMessage(161, LogLevel.Information, "The backplane is back.")]
        public static partial void BackplaneBack(ILogger logger);
    }
}

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Counts the envelopes that were refused, and says why: to the log, to the app, and to whoever asks how the node is.</summary>
internal sealed partial class RefusedEnvelopes(
    LossReporter losses,
    DistributedWebSocketsMetrics metrics,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<RefusedEnvelopes> logger)
{
    /// <summary>Over how long <see cref="IsDeaf"/> looks.</summary>
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    private readonly RareLog _failedLog = new(1, time);
    private readonly RareLog _replayedLog = new(1, time);
    private long _lastTaken;
    private long _lastRefused;

    /// <summary>
    /// Whether envelopes of other nodes were refused in the last minute for how they are sealed or when, and none was taken: the keys or
    /// the clocks differ.
    /// </summary>
    internal bool IsDeaf
    {
        get
        {
            var now = time.GetTimestamp();
            return IsRecent(Volatile.Read(ref _lastRefused)) && !IsRecent(Volatile.Read(ref _lastTaken));

            bool IsRecent(long moment) => moment != 0 && time.GetElapsedTime(moment, now) < s_minute;
        }
    }

    internal void NoteTaken(long now) => Volatile.Write(ref _lastTaken, now);

    /// <summary>Reports an envelope that was not taken.</summary>
    internal void Report(EnvelopeVerdict verdict, ReadOnlyMemory<byte> payload, long now)
    {
        if (verdict == EnvelopeVerdict.Ignored)
        {
            metrics.EnvelopeIgnored();
            return; // what was sent can do without this node
        }

        if (verdict is EnvelopeVerdict.NotSealed or EnvelopeVerdict.NoKeys or EnvelopeVerdict.UnknownKey or EnvelopeVerdict.Stale)
        {
            Volatile.Write(ref _lastRefused, now);
        }

        metrics.EnvelopeDropped(Reason(verdict));
        if (verdict != EnvelopeVerdict.Replayed)
        {
            losses.Report(PossibleLossCause.UnreadableEnvelope, Describe(verdict, payload.Span));
        }
        else if (_replayedLog.TryPass(out var others)) // nothing is lost: it was taken the first time
        {
            Log.Replayed(logger, others + 1);
        }
    }

    /// <summary>Reports an envelope that was taken, and then turned out to hold a command that is not known here.</summary>
    /// <param name="verdict">Whether it may be ignored.</param>
    internal void ReportUnknown(EnvelopeVerdict verdict) => Report(verdict, default, time.GetTimestamp());

    /// <summary>Reports an envelope that was taken and then could not be delivered.</summary>
    /// <param name="exception">What was thrown; null if what stands in the envelope is wrong.</param>
    internal void ReportUndelivered(Exception? exception)
    {
        Report(EnvelopeVerdict.Unreadable, default, time.GetTimestamp());
        if (exception is not null && _failedLog.TryPass(out var others))
        {
            Log.DeliveryFailed(logger, others, exception);
        }
    }

    private static string Reason(EnvelopeVerdict verdict) => verdict switch
    {
        EnvelopeVerdict.TooLarge => "too_large",
        EnvelopeVerdict.NotUnderstood => "not_understood",
        EnvelopeVerdict.NotSealed => "not_sealed",
        EnvelopeVerdict.NoKeys => "no_keys",
        EnvelopeVerdict.UnknownKey => "unknown_key",
        EnvelopeVerdict.NotAuthentic => "not_authentic",
        EnvelopeVerdict.Stale => "stale",
        EnvelopeVerdict.Late => "late",
        EnvelopeVerdict.Replayed => "replayed",
        _ => "unreadable",
    };

    private string Describe(EnvelopeVerdict verdict, ReadOnlySpan<byte> envelope) => verdict switch
    {
        EnvelopeVerdict.TooLarge =>
            $"An envelope of {envelope.Length} bytes is larger than MaxEnvelopeBytes, which is {options.Value.MaxEnvelopeBytes}. Set it alike on all nodes and workers.",
        EnvelopeVerdict.NotUnderstood =>
            "An envelope holds something that this version does not know and must not pass over, so a newer version has published it. Bring all nodes and workers to one version.",
        EnvelopeVerdict.NotSealed =>
            "An envelope was not sealed although this node has EnvelopeKeys. Does a node or worker lack them, or does another program publish on our channels?",
        EnvelopeVerdict.NoKeys => "An envelope was sealed and this node has no EnvelopeKeys. Set the same on all nodes and workers.",
        EnvelopeVerdict.UnknownKey =>
            $"An envelope was sealed with key {SealedEnvelope.KeyId(envelope):x8}, which is not among this node's EnvelopeKeys. Set the same on all nodes and workers.",
        EnvelopeVerdict.NotAuthentic =>
            "An envelope is not what a holder of our key sealed for this channel. Somebody changed it, moved it, or made it up.",
        EnvelopeVerdict.Stale =>
            $"The first envelope of a sender was sealed {unchecked(SealedEnvelope.Stamp(envelope) - time.GetUtcNow().ToUnixTimeMilliseconds())} ms from now by its clock, " +
            "which is not within EnvelopeMaxAge. Do the clocks of the nodes differ, or did somebody replay it?",
        EnvelopeVerdict.Late =>
            "An envelope came so far behind later ones of its sender that it cannot be told from a replay. Is this node much too slow, or did somebody hold it back?",
        _ => "An envelope on one of our channels could not be read. Does another program or version publish there?",
    };

    private static partial class Log
    {
        [LoggerMessage(162, LogLevel.Error, "An envelope could not be delivered. {Others} more could not be delivered since the last report.")]
        public static partial void DeliveryFailed(ILogger logger, int others, Exception exception);

        [LoggerMessage(163, LogLevel.Warning, "{Count} envelopes came a second time and were refused. Somebody replays what was recorded, or the transport delivers twice.")]
        public static partial void Replayed(ILogger logger, int count);
    }
}

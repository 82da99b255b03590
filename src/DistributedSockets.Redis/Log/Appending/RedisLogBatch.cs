using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Entries that are appended by one call of a script.</summary>
internal sealed class RedisLogBatch
{
    /// <summary>How a call ended.</summary>
    public enum Outcome
    {
        /// <summary>It has not ended yet.</summary>
        Open,

        /// <summary>It was carried out.</summary>
        Done,

        /// <summary>It was not carried out, and may be repeated.</summary>
        NotDone,

        /// <summary>It was refused.</summary>
        Refused,

        /// <summary>It may have been carried out, or may yet be.</summary>
        Unknown,
    }

    /// <summary>The appends, in the order of their calls.</summary>
    public List<RedisPendingAppend> Appends { get; } = [];

    /// <summary>When it was first sent, by the timestamp of the clock; 0 if it was not.</summary>
    public long Began { get; set; }

    /// <summary>Whether it was sent alone, with the whole script.</summary>
    public bool IsCareful { get; set; }

    /// <summary>How the last call ended.</summary>
    public Outcome Ended { get; set; }

    /// <summary>Why it was not carried out, or may not have been.</summary>
    public Exception? Cause { get; set; }

    /// <summary>What Redis answered.</summary>
    public RedisResult[] Answer { get; set; } = [];

    /// <summary>Which server it was sent to.</summary>
    public RedisLogServer? Server { get; set; }

    /// <summary>How often connections had been lost when it was sent.</summary>
    public int Losses { get; set; }
}

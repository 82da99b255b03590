namespace DistributedSockets;

/// <summary>Why messages are missing from what was read.</summary>
public enum LogGapCause
{
    /// <summary>They were too old or too many, and the log has removed them.</summary>
    Removed = 0,

    /// <summary>
    /// The position is of another life of the log, which has lost what it held since, or of another log. What was read begins with what the log holds now.
    /// </summary>
    OtherEpoch = 1,

    /// <summary>The position is behind the end of the log, which has lost its last entries, or never had them. What was read begins at the end.</summary>
    BeyondEnd = 2,
}

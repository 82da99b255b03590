namespace DistributedSockets;

/// <summary>What came of a client's wish to go on with a session.</summary>
internal enum ResumeOutcome
{
    /// <summary>It goes on.</summary>
    Resumed,

    /// <summary>It goes on without having been handed over, as whoever had it did not answer.</summary>
    TakenByForce,

    /// <summary>There is no such session any more, so a new one has begun.</summary>
    Unknown,

    /// <summary>The client was told to wait.</summary>
    ToldToWait,
}

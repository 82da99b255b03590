namespace DistributedSockets;

/// <summary>Says for which session an entry is appended, and which version its record had when whoever appends owned it.</summary>
public sealed class SessionFence
{
    /// <summary>The session, as in <see cref="ISessionRecordStore"/>.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public required string SessionId
    {
        get;
        init => field = !string.IsNullOrEmpty(value) ? value : throw new ArgumentException("A fence names a session.", nameof(value));
    }

    /// <summary>The version that the session's record must have, or else <see cref="NextVersion"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is 0, which no record has.</exception>
    public required long Version
    {
        get;
        init => field = value != 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A version is any number but 0.");
    }

    /// <summary>
    /// The version under which whoever appends writes the record next, drawn before it is needed: an entry that is appended while the record is being written is
    /// not refused, whichever comes first.
    /// </summary>
    /// <value>0 by default: there is none.</value>
    public long NextVersion { get; init; }
}

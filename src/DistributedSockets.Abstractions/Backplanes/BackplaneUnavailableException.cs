namespace DistributedSockets;

/// <summary>The backplane did not take a payload or a subscription, because its transport is down or too slow.</summary>
/// <remarks>
/// Targets on this node were served before it was thrown; other nodes got nothing, unless the transport timed out after taking the payload.
/// Of a send to several users, groups or connections, some nodes may have got theirs.
/// The message is for the log, not for clients: it may name servers and say what the transport reported.
/// Inherited by <see cref="BackplaneRefusedException"/> only.
/// </remarks>
public class BackplaneUnavailableException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public BackplaneUnavailableException()
        : base("The backplane is unavailable. Connections on this node were served; other nodes were not reached.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened and what to do.</param>
    public BackplaneUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="innerException">What the transport reported.</param>
    public BackplaneUnavailableException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// At how many connections of this node a send had queued its message, as <see cref="SendResult.QueuedHere"/> would have said;
    /// <see langword="null"/> if it was no send that failed, or nothing is known.
    /// </summary>
    public int? QueuedHere { get; init; }
}

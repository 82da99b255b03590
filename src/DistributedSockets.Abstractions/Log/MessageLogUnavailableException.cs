namespace DistributedSockets;

/// <summary>The message log could not be reached, did not answer in time, or refused.</summary>
/// <remarks>The message is for the app's log, not for clients: it may name servers and say what they reported.</remarks>
public sealed class MessageLogUnavailableException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public MessageLogUnavailableException()
        : base("The message log is unavailable.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened and what to do. Stands in the health check, so it must hold no secret.</param>
    public MessageLogUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened and what to do. Stands in the health check, so it must hold no secret.</param>
    /// <param name="innerException">What was reported.</param>
    public MessageLogUnavailableException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// Whether an entry may have come into the log, or may yet, though its append was not answered. If not, it is certain that nobody gets
    /// it. Append again under the same idempotency key to be sure of one entry.
    /// </summary>
    public bool IsOutcomeUnknown { get; init; }

    /// <summary>Whether it is a send of the router that failed, rather than a call to the log itself. Set by the router.</summary>
    public bool IsSend { get; init; }
}

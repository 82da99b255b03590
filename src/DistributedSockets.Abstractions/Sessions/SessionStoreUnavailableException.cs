namespace DistributedSockets;

/// <summary>The session store could not be reached in time.</summary>
/// <remarks>
/// The message stands in the log and in the health check, so it must hold no secret. It is not for clients: it may name servers and say
/// what the store reported.
/// </remarks>
public sealed class SessionStoreUnavailableException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public SessionStoreUnavailableException()
        : base("The session store is unavailable.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened and what to do.</param>
    public SessionStoreUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="innerException">What the store reported.</param>
    public SessionStoreUnavailableException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

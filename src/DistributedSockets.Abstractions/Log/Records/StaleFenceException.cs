namespace DistributedSockets;

/// <summary>An entry was not appended: the session for which it was has another owner by now, or has ended.</summary>
public sealed class StaleFenceException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public StaleFenceException()
        : base("The session has another owner by now, or has ended, so the entry was not appended for it.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    public StaleFenceException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">What was reported.</param>
    public StaleFenceException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

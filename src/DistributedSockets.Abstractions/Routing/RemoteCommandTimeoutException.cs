namespace DistributedSockets;

/// <summary>The node of a connection did not answer a join, leave or disconnect in time. It may have been done.</summary>
public sealed class RemoteCommandTimeoutException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public RemoteCommandTimeoutException()
        : base("The connection's node did not answer in time.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    public RemoteCommandTimeoutException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public RemoteCommandTimeoutException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

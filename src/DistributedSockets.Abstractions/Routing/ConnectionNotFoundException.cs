namespace DistributedSockets;

/// <summary>There is no connection with that id in the hub, or it has ended.</summary>
public sealed class ConnectionNotFoundException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public ConnectionNotFoundException()
        : base("There is no such connection.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    public ConnectionNotFoundException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public ConnectionNotFoundException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

namespace DistributedSockets;

/// <summary>The transport is there and says no to a payload or a subscription, such as for lack of permissions: somebody has to act.</summary>
/// <remarks>Its message holds the words of the transport. Waiting does not help, so nothing that was refused is kept for later.</remarks>
public sealed class BackplaneRefusedException : BackplaneUnavailableException
{
    /// <summary>Creates the exception with a default message.</summary>
    public BackplaneRefusedException()
        : base("The backplane's transport refused a payload or a subscription. Check the permissions of its user.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was refused, in the words of the transport, and what to do. Stands in the health check, so it must hold no secret.</param>
    public BackplaneRefusedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was refused, in the words of the transport, and what to do. Stands in the health check, so it must hold no secret.</param>
    /// <param name="innerException">What the transport reported.</param>
    public BackplaneRefusedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

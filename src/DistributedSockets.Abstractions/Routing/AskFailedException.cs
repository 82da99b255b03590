namespace DistributedSockets;

/// <summary>A client was asked, or was to be asked, and gave no answer.</summary>
public sealed class AskFailedException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public AskFailedException()
        : this(AskFailure.NoAnswer, "The client gave no answer.")
    {
    }

    /// <summary>Creates the exception for a question that was not answered in time.</summary>
    /// <param name="message">What happened.</param>
    public AskFailedException(string message)
        : this(AskFailure.NoAnswer, message)
    {
    }

    /// <summary>Creates the exception for a question that was not answered in time.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public AskFailedException(string message, Exception? innerException)
        : this(AskFailure.NoAnswer, message, innerException)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="failure">Why there is no answer.</param>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public AskFailedException(AskFailure failure, string message, Exception? innerException = null)
        : base(message, innerException) => Failure = failure;

    /// <summary>Why there is no answer.</summary>
    public AskFailure Failure { get; }
}

using System.Text.Json;

namespace DistributedSockets;

/// <summary>A message is no JSON, or not of the form that was asked for. The fault is that of whoever sent it.</summary>
/// <remarks>The text of the exception is for the log, not for clients: it may name types of the app, and repeat a little of the message.</remarks>
public sealed class InvalidJsonException : Exception
{
    /// <summary>Creates the exception with a default message.</summary>
    public InvalidJsonException()
        : base("A message is not the JSON that was expected.")
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is wrong.</param>
    public InvalidJsonException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="innerException">What the serializer reported.</param>
    public InvalidJsonException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Where in the value it is wrong, such as <c>$.room</c>; <see langword="null"/> if that is not known. May repeat names from the message.</summary>
    public string? Path => (InnerException as JsonException)?.Path;

    /// <summary>The line, from 0; <see langword="null"/> if that is not known.</summary>
    public long? LineNumber => (InnerException as JsonException)?.LineNumber;

    /// <summary>The byte in that line, from 0; <see langword="null"/> if that is not known.</summary>
    public long? BytePositionInLine => (InnerException as JsonException)?.BytePositionInLine;
}

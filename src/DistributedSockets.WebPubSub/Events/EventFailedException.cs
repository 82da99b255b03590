namespace DistributedSockets.WebPubSub;

/// <summary>An event could not be handled, and this is what its client may know of it.</summary>
internal sealed class EventFailedException(string name, string message) : Exception(message)
{
    /// <summary>The name of the error, such as <c>InternalServerError</c>.</summary>
    internal string Name { get; } = name;
}

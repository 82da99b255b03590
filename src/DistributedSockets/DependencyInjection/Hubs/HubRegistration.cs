namespace DistributedSockets;

/// <summary>A hub that the app has named with <c>AddHub</c>, so that its options are checked at start.</summary>
/// <param name="Hub">The name.</param>
/// <param name="Handler">The handler, if it was named by that.</param>
internal sealed record HubRegistration(string Hub, Type? Handler);

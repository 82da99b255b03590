namespace DistributedSockets.Tests;

/// <summary>Over a strategy of the app, in which several users and groups share a channel.</summary>
public sealed class SharedChannelGroupTests() : GroupSuite(new SharedChannelRouting(4));

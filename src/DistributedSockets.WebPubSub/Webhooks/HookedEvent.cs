namespace DistributedSockets.WebPubSub;

/// <summary>What a webhook has made of an event.</summary>
/// <param name="Reply">The reply, or null for none.</param>
/// <param name="State">The state to keep with the connection from now on, or null for the one that is there.</param>
internal sealed record HookedEvent(ClientReply? Reply, string? State);

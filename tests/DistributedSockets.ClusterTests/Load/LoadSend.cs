namespace DistributedSockets.ClusterTests;

/// <summary>One send of a load.</summary>
/// <param name="Sender">The client that sends.</param>
/// <param name="Target">A name of the target: sends of one client to one target stay in order.</param>
/// <param name="Text">The operation.</param>
/// <param name="Payload">What arrives.</param>
/// <param name="Receivers">The clients at which it must arrive, once.</param>
internal sealed record LoadSend(int Sender, string Target, string Text, string Payload, int[] Receivers);

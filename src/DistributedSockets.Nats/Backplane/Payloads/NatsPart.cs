namespace DistributedSockets;

/// <summary>Which part of which payload a message holds.</summary>
/// <param name="Publisher">Who sends it: a random number per backplane.</param>
/// <param name="Number">Which of the publisher's payloads it belongs to.</param>
/// <param name="TotalBytes">How long that payload is.</param>
/// <param name="Offset">Where in it the part begins.</param>
internal readonly record struct NatsPart(ulong Publisher, ulong Number, int TotalBytes, int Offset);

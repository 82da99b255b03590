namespace DistributedSockets.ClusterTests;

/// <summary>One numbered message that a connection got.</summary>
internal readonly record struct HistoryDelivery(string Receiver, string Sender, HistoryTarget Target, int Number);

namespace DistributedSockets.ClusterTests;

/// <summary>One numbered message that a connection got.</summary>
/// <param name="Receiver">Who got it.</param>
/// <param name="Sender">Who sent it.</param>
/// <param name="Target">For whom it was.</param>
/// <param name="Number">Its place among those of the sender to the target.</param>
/// <param name="InSession">The number that the receiver's session gave it, if that can be resumed and the message was logged.</param>
internal readonly record struct HistoryDelivery(string Receiver, string Sender, HistoryTarget Target, int Number, long InSession = 0);

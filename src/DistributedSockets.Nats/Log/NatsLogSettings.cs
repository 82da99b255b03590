namespace DistributedSockets;

/// <summary>How streams are created.</summary>
/// <param name="Storage"><c>memory</c> or <c>file</c>.</param>
/// <param name="Replicas">On how many servers.</param>
/// <param name="MaxBytes">How much a hub's log may take in all; 0 for no limit.</param>
/// <param name="OtherSettings">Limits the reports of streams that were created otherwise.</param>
internal sealed record NatsLogSettings(string Storage, int Replicas, long MaxBytes, RareLog OtherSettings);

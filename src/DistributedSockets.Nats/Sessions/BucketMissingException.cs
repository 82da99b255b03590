namespace DistributedSockets;

/// <summary>Nobody answers for a bucket: it was deleted, lost with its server, or never created.</summary>
internal sealed class BucketMissingException() : Exception("The bucket is missing.");

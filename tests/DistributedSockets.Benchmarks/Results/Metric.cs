namespace DistributedSockets.Benchmarks.Results;

/// <summary>The names of measured values, with their units.</summary>
internal static class Metric
{
    public const string Seconds = "seconds";
    public const string Deliveries = "deliveries";
    public const string DeliveriesPerSecond = "deliveriesPerSecond";
    public const string ServerCpu = "serverCpuMicrosecondsPerDelivery";
    public const string RedisCpu = "redisCpuMicrosecondsPerDelivery";
    public const string ClientCpu = "clientCpuMicrosecondsPerDelivery";
    public const string ServerCpuShare = "serverCpuSecondsPerSecond";
    public const string P50 = "latencyMillisecondsP50";
    public const string P99 = "latencyMillisecondsP99";
    public const string P999 = "latencyMillisecondsP999";
    public const string AllocatedBytes = "allocatedBytesPerDelivery";
    public const string ReceivedBytes = "receivedBytesPerDelivery";
    public const string ResidentMiB = "residentMiB";
    public const string Missing = "missing";
    public const string Duplicates = "duplicates";
    public const string Misdelivered = "misdelivered";
    public const string Reordered = "reordered";
    public const string Broken = "brokenConnections";
    public const string Skipped = "skippedSends";
    public const string ResidentKiBPerConnection = "residentKiBPerConnection";
    public const string HeapKiBPerConnection = "heapKiBPerConnection";
    public const string LaterResidentKiBPerConnection = "residentKiBPerConnectionLater";
    public const string ConnectsPerSecond = "connectsPerSecond";
    public const string ConnectCpu = "serverCpuMicrosecondsPerConnect";
    public const string OthersCpu = "othersCpuMicrosecondsPerMessage";
    public const string OthersIdleCpu = "othersIdleCpuMillisecondsPerSecond";
    public const string OthersLoadedCpu = "othersLoadedCpuMillisecondsPerSecond";
    public const string FirstToLast = "firstToLastMilliseconds";
}

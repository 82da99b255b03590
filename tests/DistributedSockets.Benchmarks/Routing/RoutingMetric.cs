namespace DistributedSockets.Benchmarks.Routing;

/// <summary>The names of what <c>routing</c> measures, with their units.</summary>
internal static class RoutingMetric
{
    public const string MessageNodeCpu = "nodeCpuMicrosecondsPerMessage";
    public const string MessageRedisCpu = "redisCpuMicrosecondsPerMessage";
    public const string PacedNodeCpu = "nodeCpuMicrosecondsPerMessageAtLowRate";
    public const string PacedRedisCpu = "redisCpuMicrosecondsPerMessageAtLowRate";
    public const string Received = "envelopesReceivedPerMessage";
    public const string JoinNodeCpu = "nodeCpuMicrosecondsPerJoin";
    public const string JoinRedisCpu = "redisCpuMicrosecondsPerJoin";
    public const string ChurnNodeCpu = "nodeCpuMicrosecondsPerLeaveAndJoin";
    public const string ChurnRedisCpu = "redisCpuMicrosecondsPerLeaveAndJoin";
    public const string JoinP50 = "joinMillisecondsP50";
    public const string JoinP99 = "joinMillisecondsP99";
    public const string NodeHeapBytes = "nodeHeapBytesPerGroup";
    public const string NodeResidentBytes = "nodeResidentBytesPerGroup";
    public const string RedisBytes = "redisBytesPerGroup";
    public const string SessionNodeCpu = "nodeCpuMicrosecondsPerSession";
    public const string SessionRedisCpu = "redisCpuMicrosecondsPerSession";
    public const string SessionRedisBytes = "redisBytesPerSession";
    public const string EndRedisCpu = "redisCpuMicrosecondsPerSessionEnd";
    public const string RenewRedisCpu = "redisCpuMicrosecondsPerLeaseRenewal";
    public const string ListRedisCpu = "redisCpuMicrosecondsPerListOf100Nodes";
    public const string ClaimRedisCpu = "redisCpuMicrosecondsPerClaimAmong100Nodes";
    public const string Wrong = "envelopesOrDeliveriesTooManyOrTooFew";
}

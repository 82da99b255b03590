namespace DistributedSockets.Benchmarks.Routing;

/// <summary>The names of what <c>routing</c> measures, with their units.</summary>
internal static class RoutingMetric
{
    public const string MessageNodeCpu = "nodeCpuMicrosecondsPerMessage";
    public const string MessageServerCpu = "serverCpuMicrosecondsPerMessage";
    public const string PacedNodeCpu = "nodeCpuMicrosecondsPerMessageAtLowRate";
    public const string PacedServerCpu = "serverCpuMicrosecondsPerMessageAtLowRate";
    public const string Received = "envelopesReceivedPerMessage";
    public const string JoinNodeCpu = "nodeCpuMicrosecondsPerJoin";
    public const string JoinServerCpu = "serverCpuMicrosecondsPerJoin";
    public const string ChurnNodeCpu = "nodeCpuMicrosecondsPerLeaveAndJoin";
    public const string ChurnServerCpu = "serverCpuMicrosecondsPerLeaveAndJoin";
    public const string JoinP50 = "joinMillisecondsP50";
    public const string JoinP99 = "joinMillisecondsP99";
    public const string NodeHeapBytes = "nodeHeapBytesPerGroup";
    public const string NodeResidentBytes = "nodeResidentBytesPerGroup";
    public const string ServerBytes = "serverBytesPerGroup";
    public const string SessionNodeCpu = "nodeCpuMicrosecondsPerSession";
    public const string SessionServerCpu = "serverCpuMicrosecondsPerSession";
    public const string SessionServerBytes = "serverBytesPerSession";
    public const string EndServerCpu = "serverCpuMicrosecondsPerSessionEnd";
    public const string RenewServerCpu = "serverCpuMicrosecondsPerLeaseRenewal";
    public const string ListServerCpu = "serverCpuMicrosecondsPerListOf100Nodes";
    public const string ClaimServerCpu = "serverCpuMicrosecondsPerClaimAmong100Nodes";
    public const string Wrong = "envelopesOrDeliveriesTooManyOrTooFew";
}

using System.Text;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Notices nodes and workers that map users and groups to other channels than this one: they do not hear each other.</summary>
internal sealed partial class RoutingAgreement(LocalNode node, FailSafeLogger<RoutingAgreement> logger)
{
    /// <summary>Compares this node with the live ones. Called by the heartbeat only.</summary>
    internal void Compare(IReadOnlyList<NodeInfo> live)
    {
        var others = live.Where(other => other.Routing is not null && other.Routing != node.Info.Routing).ToArray();
        var differed = node.RoutingProblem is not null;
        if (others.Length == 0)
        {
            node.RoutingProblem = null;
            if (differed)
            {
                Log.RoutingAgrees(logger);
            }

            return;
        }

        var (nodeId, routing) = (Shown(others[0]), Shown(others[0].Routing));
        node.RoutingProblem =
            $"{others.Length} of {live.Count} nodes and workers map users and groups to other channels, such as {nodeId} with {routing} where this one has " +
            $"{Shown(node.Info.Routing)}. What one sends to users and groups may not reach the other. Give UseRouting the same strategy everywhere.";
        if (!differed)
        {
            Log.RoutingDiffers(logger, others.Length, live.Count, nodeId, routing, Shown(node.Info.Routing));
        }
    }

    // The session store may hold anything, and what is shown here stands in logs.
    private static string Shown(NodeInfo node) => ConnectionId.IsNode(Encoding.UTF8.GetBytes(node.NodeId)) ? node.NodeId : "one without a proper id";

    private static string Shown(string? routing) => routing is "interest" or "broadcast" ? routing : "a strategy of the app";

    private static partial class Log
    {
        [LoggerMessage(194, LogLevel.Error, "{Count} of {Live} nodes and workers map users and groups to other channels, such as {NodeId} with {Routing} where this one has {Own}. What one sends to users and groups may not reach the other. Give UseRouting the same strategy everywhere.")]
        public static partial void RoutingDiffers(ILogger logger, int count, int live, string nodeId, string routing, string own);

        [LoggerMessage(195, LogLevel.Information, "All nodes and workers map users and groups to the same channels now.")]
        public static partial void RoutingAgrees(ILogger logger);
    }
}

using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Notices nodes and workers that are configured so that they and this one do not hear each other.</summary>
/// <remarks>What they have stands in the session store, so nothing is noticed between nodes that do not share one.</remarks>
internal sealed partial class ClusterAgreement
{
    private const string Clear = "clear";

    private readonly NodeHealth _health;
    private readonly ILogger _logger;
    private readonly Hubs _hubs;
    private readonly NodeInfo _own;
    private readonly string _logSystem;
    private readonly HashSet<Subject> _differing = [];

    public ClusterAgreement(
        LocalNode node, NodeHealth health, IBackplane backplane, IMessageLog log, EnvelopeKeyRing keys, Hubs hubs, FailSafeLogger<ClusterAgreement> logger)
    {
        (_health, _logger, _hubs, _logSystem) = (health, logger, hubs, log.System);
        _own = node.Info with
        {
            Backplane = backplane.Reach is { } reach ? $"{backplane.System}: {reach}" : backplane.System,
            Sealing = keys.Count == 0 ? Clear : string.Join(',', keys.Ids.Select(static id => id.ToString("x8"))),
        };
    }

    private enum Subject
    {
        Routing,
        Backplane,
        Sealing,
        Presence,
        Log,
    }

    /// <summary>What this node tells the others of itself.</summary>
    internal NodeInfo Own => _own with { Presence = PresenceScopes.Write(_hubs.All), Log = HubLogSettings.Write(_hubs.All, _logSystem) }; // hubs may be mapped later

    /// <summary>Compares this node with the live ones. Called by one at a time.</summary>
    internal void Compare(IReadOnlyList<NodeInfo> live)
    {
        string?[] problems =
        [
            Compare(Subject.Routing, live, static node => node.Routing, string.Equals),
            Compare(Subject.Backplane, live, static node => node.Backplane, string.Equals),
            Compare(Subject.Sealing, live, static node => node.Sealing, OpenEachOther),
            Compare(Subject.Presence, live, static node => node.Presence, HubSettings.Agree),
            Compare(Subject.Log, live, static node => node.Log, HubSettings.Agree),
        ];
        _health.AgreementProblem = string.Join(' ', problems.OfType<string>()) is { Length: > 0 } all ? all : null;
    }

    /// <returns>What to tell of those that differ, or null if none does.</returns>
    private string? Compare(Subject subject, IReadOnlyList<NodeInfo> live, Func<NodeInfo, string?> value, Func<string, string, bool> agree)
    {
        var own = value(Own);
        var others = live.Where(other => own is not null && value(other) is { } theirs && !agree(own, theirs)).ToArray();
        if (others is not [var first, ..])
        {
            if (_differing.Remove(subject))
            {
                LogAgreement(subject);
            }

            return null;
        }

        var (nodeId, theirs, ours) = (Shown(first), Shown(subject, value(first)!), Shown(subject, own!)); // both have one, or none would differ
        if (_differing.Add(subject))
        {
            LogDifference(subject, others.Length, live.Count, nodeId, theirs, ours);
        }

        var (what, consequence) = Words(subject);
        return $"{others.Length} of {live.Count} nodes and workers {what}, such as {nodeId} with {theirs} where this one has {ours}. {consequence}";
    }

    /// <summary>Each seals with its first key, and opens with all that it has.</summary>
    private static bool OpenEachOther(string own, string theirs)
    {
        string[] ours = own.Split(','), others = theirs.Split(',');
        return ours.Contains(others[0]) && others.Contains(ours[0]);
    }

    private static (string What, string Consequence) Words(Subject subject) => subject switch
    {
        Subject.Routing => (
            "map users and groups to other channels",
            "What one sends to users and groups may not reach the other. Set DistributedWebSocketsClusterOptions.Routing alike everywhere."),
        Subject.Backplane => (
            "are on another backplane",
            "What one sends does not reach the other, or not all of it. Give all nodes and workers the same backplane with the same settings."),
        Subject.Sealing => (
            "seal envelopes differently",
            "What one sends is refused by the other. Give all nodes and workers the same EnvelopeKeys."),
        Subject.Log => (
            "log a hub differently",
            "What one sends may pass by the log of the other, or be kept for another time. Set the log's options of HubOptions alike on all nodes and workers, and give them the same message log."),
        _ => (
            "keep another presence of a hub",
            "Who comes and goes is not told for all of its users. Set HubOptions.Presence alike on all nodes that hold connections of the hub."),
    };

    // The session store may hold anything, and what is shown here stands in logs.
    private static string Shown(NodeInfo node) => ConnectionId.IsNode(Encoding.UTF8.GetBytes(node.NodeId)) ? node.NodeId : "one without a proper id";

    private static string Shown(Subject subject, string value) => subject switch
    {
        Subject.Routing => value is "interest" or "broadcast" ? value : "another strategy",
        Subject.Backplane => BackplaneForm().IsMatch(value) ? $"'{value}'" : "something unreadable",
        Subject.Log => LogForm().IsMatch(value) ? $"'{value}'" : "something unreadable",
        Subject.Presence => PresenceForm().IsMatch(value) ? $"'{value}'" : "something unreadable",
        _ => value == Clear ? "clear envelopes" : KeysForm().IsMatch(value) ? $"keys {value}" : "something unreadable",
    };

    private void LogDifference(Subject subject, int count, int live, string nodeId, string theirs, string ours)
    {
        switch (subject)
        {
            case Subject.Routing:
                Log.RoutingDiffers(_logger, count, live, nodeId, theirs, ours);
                break;
            case Subject.Backplane:
                Log.BackplaneDiffers(_logger, count, live, nodeId, theirs, ours);
                break;
            case Subject.Sealing:
                Log.SealingDiffers(_logger, count, live, nodeId, theirs, ours);
                break;
            case Subject.Log:
                Log.LogDiffers(_logger, count, live, nodeId, theirs, ours);
                break;
            default:
                Log.PresenceDiffers(_logger, count, live, nodeId, theirs, ours);
                break;
        }
    }

    private void LogAgreement(Subject subject)
    {
        switch (subject)
        {
            case Subject.Routing:
                Log.RoutingAgrees(_logger);
                break;
            case Subject.Backplane:
                Log.BackplaneAgrees(_logger);
                break;
            case Subject.Sealing:
                Log.SealingAgrees(_logger);
                break;
            case Subject.Log:
                Log.LogAgrees(_logger);
                break;
            default:
                Log.PresenceAgrees(_logger);
                break;
        }
    }

    [GeneratedRegex(@"\A[a-z0-9_-]{1,32}(: [A-Za-z0-9 _.:=/-]{1,200})?\z")]
    private static partial Regex BackplaneForm();

    [GeneratedRegex(@"\A[a-z0-9._-]{1,64}=(none|users|groups)(,[a-z0-9._-]{1,64}=(none|users|groups)){0,63}\z")]
    private static partial Regex PresenceForm();

    [GeneratedRegex(@"\A[a-z0-9._-]{1,64}=(off|[a-z0-9_-]{1,32}:[0-9a-f]{8})(,[a-z0-9._-]{1,64}=(off|[a-z0-9_-]{1,32}:[0-9a-f]{8})){0,63}\z")]
    private static partial Regex LogForm();

    [GeneratedRegex(@"\A[0-9a-f]{8}(,[0-9a-f]{8}){0,15}\z")]
    private static partial Regex KeysForm();

    private static partial class Log
    {
        [LoggerMessage(290, LogLevel.Error, "{Count} of {Live} nodes and workers log a hub differently, such as {NodeId} with {Settings} where this one has {Own}. What one sends may pass by the log of the other, or be kept for another time. Set the log's options of HubOptions alike on all nodes and workers, and give them the same message log.")]
        public static partial void LogDiffers(ILogger logger, int count, int live, string nodeId, string settings, string own);

        [LoggerMessage(291, LogLevel.Information, "All nodes and workers log each hub alike now.")]
        public static partial void LogAgrees(ILogger logger);

        [LoggerMessage(270, LogLevel.Error, "{Count} of {Live} nodes keep another presence of a hub, such as {NodeId} with {Presence} where this one has {Own}. Who comes and goes is not told for all of its users. Set HubOptions.Presence alike on all nodes that hold connections of the hub.")]
        public static partial void PresenceDiffers(ILogger logger, int count, int live, string nodeId, string presence, string own);

        [LoggerMessage(271, LogLevel.Information, "All nodes keep the same presence of each hub now.")]
        public static partial void PresenceAgrees(ILogger logger);

        [LoggerMessage(194, LogLevel.Error, "{Count} of {Live} nodes and workers map users and groups to other channels, such as {NodeId} with {Routing} where this one has {Own}. What one sends to users and groups may not reach the other. Set DistributedWebSocketsClusterOptions.Routing alike everywhere.")]
        public static partial void RoutingDiffers(ILogger logger, int count, int live, string nodeId, string routing, string own);

        [LoggerMessage(195, LogLevel.Information, "All nodes and workers map users and groups to the same channels now.")]
        public static partial void RoutingAgrees(ILogger logger);

        [LoggerMessage(196, LogLevel.Error, "{Count} of {Live} nodes and workers are on another backplane, such as {NodeId} with {Backplane} where this one has {Own}. What one sends does not reach the other, or not all of it. Give all nodes and workers the same backplane with the same settings.")]
        public static partial void BackplaneDiffers(ILogger logger, int count, int live, string nodeId, string backplane, string own);

        [LoggerMessage(197, LogLevel.Information, "All nodes and workers are on the same backplane now.")]
        public static partial void BackplaneAgrees(ILogger logger);

        [LoggerMessage(198, LogLevel.Error, "{Count} of {Live} nodes and workers seal envelopes differently, such as {NodeId} with {Sealing} where this one has {Own}. What one sends is refused by the other. Give all nodes and workers the same EnvelopeKeys.")]
        public static partial void SealingDiffers(ILogger logger, int count, int live, string nodeId, string sealing, string own);

        [LoggerMessage(199, LogLevel.Information, "All nodes and workers open each other's envelopes now.")]
        public static partial void SealingAgrees(ILogger logger);
    }
}

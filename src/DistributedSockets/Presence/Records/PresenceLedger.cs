using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>The record that guards all others of a hub: which life of the store this is, and which nodes write.</summary>
internal sealed record PresenceLedger
{
    /// <summary>The key of the ledger, which no subject has.</summary>
    internal const string Key = "ledger";

    /// <summary>Another one whenever the store has lost something.</summary>
    [JsonPropertyName("e")]
    public required string Epoch { get; init; }

    /// <summary>Whether changes are told. After a loss they are not, until the nodes have written again what they have.</summary>
    [JsonPropertyName("s")]
    public bool IsSettled { get; init; }

    /// <summary>Whether all records are to be looked through, since a node is gone or the epoch has just been settled.</summary>
    [JsonPropertyName("l")]
    public bool IsLookDue { get; init; }

    /// <summary>The nodes whose records count.</summary>
    [JsonPropertyName("n")]
    public required Dictionary<string, PresenceNode> Nodes { get; init; }

    internal static PresenceLedger? Read(PresenceRecord? record) =>
        PresenceJson.Read(record, PresenceJson.Default.PresenceLedger) is { Epoch.Length: > 0, Nodes: not null } ledger
            && ledger.Nodes.Values.All(static node => node is not null) ? ledger : null;

    internal byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, PresenceJson.Default.PresenceLedger);

    internal PresenceNode? Find(string nodeId) => Nodes.GetValueOrDefault(nodeId);

    internal PresenceLedger With(string nodeId, PresenceNode node) => this with { Nodes = new(Nodes, StringComparer.Ordinal) { [nodeId] = node } };

    internal PresenceLedger Without(IReadOnlyCollection<string> nodeIds) =>
        this with { Nodes = Nodes.Where(node => !nodeIds.Contains(node.Key)).ToDictionary(StringComparer.Ordinal) };
}

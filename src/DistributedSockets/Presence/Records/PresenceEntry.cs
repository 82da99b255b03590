using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>What the record of a subject holds: which nodes have it, what the cluster has been told of it, and who has yet to tell.</summary>
internal sealed class PresenceEntry
{
    // Only a user who comes and goes over and over while the node that is to tell of it is gone gets here.
    private const int MaxUntold = 16;

    /// <summary>The nodes that have a connection, each with the <see cref="PresenceNode.Life"/> in which it said so.</summary>
    [JsonPropertyName("h")]
    public Dictionary<string, int>? Holders { get; set; }

    /// <summary>Whether what was last told, or is about to be, is that the subject is present.</summary>
    [JsonPropertyName("t")]
    public bool IsPresent { get; set; }

    /// <summary>The changes that have been decided and not yet told for certain, oldest first.</summary>
    [JsonPropertyName("p")]
    public List<UntoldChange>? Untold { get; set; }

    [JsonIgnore]
    internal bool HasHolders => Holders is { Count: > 0 };

    /// <summary>Reads a record; what cannot be read is as good as none.</summary>
    internal static PresenceEntry Read(PresenceRecord? record)
    {
        var entry = PresenceJson.Read(record, PresenceJson.Default.PresenceEntry);
        return entry is null || entry.Untold?.Exists(static change => change?.NodeId is null) == true ? new() : entry;
    }

    /// <summary>Writes it; null if there is nothing to keep.</summary>
    internal byte[]? Write()
    {
        Holders = HasHolders ? Holders : null;
        Untold = Untold is { Count: > 0 } ? Untold : null;
        return Holders is null && Untold is null && !IsPresent ? null : JsonSerializer.SerializeToUtf8Bytes(this, PresenceJson.Default.PresenceEntry);
    }

    /// <summary>Lets go of the holders who are gone, or hold it in an earlier life.</summary>
    internal void RemoveGone(PresenceLedger ledger)
    {
        if (Holders is not null)
        {
            foreach (var (nodeId, life) in Holders)
            {
                if (ledger.Find(nodeId)?.Life != life)
                {
                    Holders.Remove(nodeId);
                }
            }
        }
    }

    /// <summary>Notes a change that is to be told by a node.</summary>
    internal void Decide(string nodeId, long number)
    {
        IsPresent = !IsPresent;
        Untold ??= [];
        Untold.Add(new() { NodeId = nodeId, Number = number, IsPresent = IsPresent });
        if (Untold.Count > MaxUntold)
        {
            Untold.RemoveAt(0);
        }
    }
}

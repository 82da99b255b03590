using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Which primary owns which slot, by what some nodes of a Redis Cluster say.</summary>
/// <remarks>Where they differ, the primary with the higher configuration epoch is believed, as the nodes themselves do.</remarks>
internal sealed class RedisTopology
{
    private const int IdField = 0;
    private const int EpochField = 6;

    private readonly EndPoint?[] _owners = new EndPoint?[RedisSlots.Count];

    public RedisTopology(IEnumerable<Claim> claims)
    {
        var epochs = new long[RedisSlots.Count];
        foreach (var claim in claims)
        {
            for (var slot = claim.Slots.From; slot <= claim.Slots.To; slot++)
            {
                if (_owners[slot] is null || claim.Epoch > epochs[slot])
                {
                    (_owners[slot], epochs[slot]) = (claim.Primary, claim.Epoch);
                }
            }
        }
    }

    /// <summary>The primary of a slot; <see langword="null"/> if none has it.</summary>
    public EndPoint? this[int slot] => _owners[slot];

    /// <summary>The primaries that own slots.</summary>
    public HashSet<EndPoint> Primaries => [.. _owners.OfType<EndPoint>()];

    /// <summary>Asks a node of the cluster what it knows. It must be allowed to be asked, which takes the admin mode of the multiplexer.</summary>
    public static async Task<Claim[]> AskAsync(IServer server)
    {
        // Only the first says under which address clients should connect, and only the second how new the knowledge is.
        var slots = server.ClusterSlotsAsync();
        slots.Observe();
        var nodes = await server.ClusterNodesRawAsync().ConfigureAwait(false);
        var epochs = ReadEpochs(nodes ?? "");
        return [.. (await slots.ConfigureAwait(false))?.Assignments
            .Select(assignment => new Claim(
                assignment.Slots,
                assignment.Primary.EndPoint ?? WithHostOf(server.EndPoint, assignment.Primary.Port),
                epochs.GetValueOrDefault(assignment.Primary.NodeId ?? "")))
            ?? []];
    }

    private static Dictionary<string, long> ReadEpochs(string nodes)
    {
        var epochs = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var line in nodes.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ');
            if (fields.Length > EpochField && long.TryParse(fields[EpochField], NumberStyles.None, CultureInfo.InvariantCulture, out var epoch))
            {
                epochs[fields[IdField]] = epoch;
            }
        }

        return epochs;
    }

    /// <summary>A node that does not know under which address its clients reach it names none.</summary>
    private static EndPoint WithHostOf(EndPoint known, int port) => known switch
    {
        IPEndPoint address => new IPEndPoint(address.Address, port),
        DnsEndPoint name => new DnsEndPoint(name.Host, port),
        _ => known,
    };

    /// <summary>That a primary owns slots, and in which epoch it got them.</summary>
    internal sealed record Claim(SlotRange Slots, EndPoint Primary, long Epoch);
}

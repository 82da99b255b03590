using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Which primary owns which slot, by what some nodes of a Redis Cluster say.</summary>
/// <remarks>Where they differ, the primary with the higher configuration epoch is believed, as the nodes themselves do.</remarks>
internal sealed class RedisTopology
{
    private const int EpochField = 6;

    private readonly EndPoint?[] _owners = new EndPoint?[RedisSlots.Count];

    public RedisTopology(IEnumerable<ClusterConfiguration> answers)
    {
        var epochs = new long[RedisSlots.Count];
        foreach (var node in answers.SelectMany(static answer => answer.Nodes))
        {
            if (IsPrimary(node) && node.EndPoint is { } endPoint && TryReadEpoch(node.Raw, out var epoch))
            {
                foreach (var range in node.Slots)
                {
                    for (var slot = range.From; slot <= range.To; slot++)
                    {
                        if (_owners[slot] is null || epoch > epochs[slot])
                        {
                            (_owners[slot], epochs[slot]) = (endPoint, epoch);
                        }
                    }
                }
            }
        }
    }

    /// <summary>The primary of a slot; <see langword="null"/> if none has it.</summary>
    public EndPoint? this[int slot] => _owners[slot];

    /// <summary>The primaries that own slots.</summary>
    public HashSet<EndPoint> Primaries => [.. _owners.OfType<EndPoint>()];

    /// <summary>What tells whether answers differ from earlier ones in what matters here.</summary>
    public static string SignatureOf(IEnumerable<ClusterConfiguration> answers) => string.Join('\n', answers
        .SelectMany(static answer => answer.Nodes)
        .Where(static node => IsPrimary(node) && node.Slots.Count > 0)
        .Select(static node => $"{node.EndPoint} {(TryReadEpoch(node.Raw, out var epoch) ? epoch : -1)} {string.Join(',', node.Slots)}")
        .Distinct()
        .Order(StringComparer.Ordinal));

    private static bool IsPrimary(ClusterNode node) => node is { IsReplica: false, IsNoAddr: false, IsHandshake: false, EndPoint: not null };

    private static bool TryReadEpoch(string line, out long epoch)
    {
        epoch = 0;
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > EpochField && long.TryParse(fields[EpochField], NumberStyles.None, CultureInfo.InvariantCulture, out epoch);
    }
}

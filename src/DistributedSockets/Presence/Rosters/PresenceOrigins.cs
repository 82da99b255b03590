using System.Text;

namespace DistributedSockets;

/// <summary>How far each node has got with what it announces of a hub, so that a hole is noticed. Guarded by whoever has it.</summary>
internal sealed class PresenceOrigins
{
    // Nodes have a new id at each start, and those that are gone need not be remembered.
    private const int MaxOrigins = 1_024;

    private readonly Dictionary<string, long> _numbers = new(StringComparer.Ordinal);

    /// <summary>Notes the number of an announcement.</summary>
    internal PresenceHole Note(ReadOnlySpan<byte> origin, PresenceAnnouncement announcement)
    {
        var id = Encoding.UTF8.GetString(origin);
        var before = announcement.News.Count > 0 ? announcement.Number - 1 : announcement.Number;
        if (_numbers.TryGetValue(id, out var last))
        {
            _numbers[id] = Math.Max(last, announcement.Number);
            return before > last ? PresenceHole.Certain : PresenceHole.None;
        }

        if (_numbers.Count == MaxOrigins)
        {
            _numbers.Clear();
        }

        _numbers.Add(id, announcement.Number);
        return before > 0 ? PresenceHole.Possible : PresenceHole.None;
    }
}

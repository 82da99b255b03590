namespace DistributedSockets;

/// <summary>Keeps what a hub's lane delivers to a group while somebody is on the way into it and still reads what came before. Guarded by the lane.</summary>
/// <param name="group">The group.</param>
/// <param name="from">Behind which position it begins.</param>
internal sealed class LogTap(string group, LogPosition from)
{
    private const int MaxEntries = IHubLog.MaxLimit;
    private const int MaxBytes = 4 * 1024 * 1024;

    private readonly List<(Envelope Envelope, long Since)> _entries = [];
    private long _bytes;

    internal LogPosition From => from;

    /// <summary>What came, each with the time since which it has been on its way: a timestamp.</summary>
    internal IReadOnlyList<(Envelope Envelope, long Since)> Entries => _entries;

    /// <summary>Whether more came than is kept, so that something is missing.</summary>
    internal bool IsOverfull { get; private set; }

    internal void Offer(in Envelope envelope, long since)
    {
        if (IsOverfull || envelope.Target != WebSocketTargetKind.Groups || !Means(envelope, group))
        {
            return;
        }

        _bytes += envelope.Length;
        if (_entries.Count == MaxEntries || _bytes > MaxBytes)
        {
            IsOverfull = true;
            _entries.Clear();
            return;
        }

        _entries.Add((envelope, since));
    }

    private static bool Means(in Envelope envelope, string group)
    {
        Span<char> scratch = stackalloc char[NameList.ScratchChars];
        foreach (var name in envelope.Names(scratch))
        {
            if (name.SequenceEqual(group))
            {
                return true;
            }
        }

        return false;
    }
}

namespace DistributedSockets;

/// <summary>The ids of the last messages of a client that its handler has handled, so that one which comes again is told from a new one.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class HandledMessages
{
    /// <summary>How many are known.</summary>
    internal const int Capacity = 1_000;

    private readonly Queue<string> _order = new();
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);

    internal HandledMessages(IEnumerable<string> oldestFirst)
    {
        foreach (var id in oldestFirst)
        {
            Add(id);
        }
    }

    /// <summary>The ids, the oldest first.</summary>
    internal IReadOnlyCollection<string> OldestFirst => _order;

    internal bool Contains(string id) => _ids.Contains(id);

    internal void Add(string id)
    {
        if (!_ids.Add(id))
        {
            return;
        }

        _order.Enqueue(id);
        if (_order.Count > Capacity)
        {
            _ids.Remove(_order.Dequeue());
        }
    }
}

namespace DistributedSockets.ClusterTests;

/// <summary>Whether all receivers saw logged messages in one order, whoever sent them, and to which targets.</summary>
internal static class HistoryOrder
{
    /// <summary>Finds messages that two receivers saw in different orders, if only by way of others.</summary>
    /// <param name="deliveries">Those of logged messages, of each receiver in the order in which they came.</param>
    /// <returns>Messages of which each came before the next one somewhere, and the last one before the first; none if there is one order for all.</returns>
    public static IReadOnlyList<string> FindCycle(IEnumerable<HistoryDelivery> deliveries)
    {
        var following = new Dictionary<(string Sender, HistoryTarget Target, int Number), HashSet<(string, HistoryTarget, int)>>();
        foreach (var receiver in deliveries.GroupBy(static delivery => delivery.Receiver))
        {
            (string, HistoryTarget, int)? last = null;
            foreach (var delivery in receiver)
            {
                var message = (delivery.Sender, delivery.Target, delivery.Number);
                following.TryAdd(message, []);
                if (last is { } before && before != message)
                {
                    following[before].Add(message);
                }

                last = message;
            }
        }

        // What nothing comes before can stand first; take it away, and again. What is left goes in a circle, or stands behind one.
        var preceded = following.Values.SelectMany(static messages => messages).CountBy(static message => message).ToDictionary();
        var free = new Stack<(string, HistoryTarget, int)>(following.Keys.Where(message => !preceded.ContainsKey(message)));
        while (free.TryPop(out var message))
        {
            foreach (var next in following[message])
            {
                if (--preceded[next] == 0)
                {
                    free.Push(next);
                }
            }

            following.Remove(message);
        }

        if (following.Count == 0)
        {
            return [];
        }

        // Whatever is left has one before it that is left, too: going back comes around.
        var preceding = new Dictionary<(string, HistoryTarget, int), (string, HistoryTarget, int)>();
        foreach (var (message, nexts) in following)
        {
            foreach (var next in nexts)
            {
                preceding[next] = message;
            }
        }

        List<(string Sender, HistoryTarget Target, int Number)> path = [following.Keys.First()];
        while (true)
        {
            var start = path.IndexOf(preceding[path[^1]]);
            if (start >= 0)
            {
                return [.. path[start..].Reverse<(string Sender, HistoryTarget Target, int Number)>().Select(static message => $"{message.Sender} {message.Target} #{message.Number}")];
            }

            path.Add(preceding[path[^1]]);
        }
    }
}

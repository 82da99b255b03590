namespace DistributedSockets;

/// <summary>Lists sessions page by page, in the order of the tokens of their keys: node, hub, connection.</summary>
internal sealed partial class NatsSessionStore
{
    public async ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessions, 1);
        var after = SessionPosition.Parse(continuationToken);
        return await RunAsync(
            async () =>
            {
                var nodes = await LiveNodesAsync(query.NodeId, cancellationToken).ConfigureAwait(false);
                var sessions = new List<(SessionPosition At, Session Session)>();
                if (IndexOf(query) is { } index)
                {
                    var keys = await ListIndexAsync(index, nodes, cancellationToken).ConfigureAwait(false);
                    keys = query is { UserId: not null, Group: { } group } ? await InGroupAsync(keys, group, cancellationToken).ConfigureAwait(false) : keys;
                    await AddAsync(keys.Select(PositionOfIndex)).ConfigureAwait(false);
                }
                else
                {
                    foreach (var node in nodes.Keys.Where(node => after is not { } last || string.CompareOrdinal(node, last.NodeId) >= 0).Order(StringComparer.Ordinal))
                    {
                        await AddAsync(await ListNodeAsync(node).ConfigureAwait(false)).ConfigureAwait(false);
                        if (sessions.Count > maxSessions)
                        {
                            break;
                        }
                    }
                }

                return new SessionPage
                {
                    Sessions = [.. sessions.Take(maxSessions).Select(static one => one.Session)],
                    ContinuationToken = sessions.Count > maxSessions ? sessions[maxSessions - 1].At.ToString() : null,
                };

                // Until there is one more than fits, which tells that there is a next page.
                async Task AddAsync(IEnumerable<SessionPosition?> found)
                {
                    var positions = found.OfType<SessionPosition>().Where(at => after is not { } last || at.CompareTo(last) > 0).Order();
                    foreach (var some in positions.Chunk(Math.Min(PageSize, maxSessions)))
                    {
                        var reads = Array.ConvertAll(some, at => ReadAsync(_keys.Session(at.NodeId, at.Hub, at.ConnectionId), cancellationToken));
                        Array.ForEach(reads, TaskObservation.Observe); // all are under way, and the first that fails ends the wait
                        await ForEachAsync(reads, static read => read, cancellationToken).ConfigureAwait(false);
                        for (var i = 0; i < some.Length; i++)
                        {
                            if (reads[i].Result is { } read && Matches(query, read.Session, read.HasMoreGroups))
                            {
                                sessions.Add((some[i], read.Session));
                            }
                        }

                        if (sessions.Count > maxSessions)
                        {
                            return;
                        }
                    }
                }
            },
            cancellationToken).ConfigureAwait(false);

        SessionPosition? PositionOfIndex(string key) =>
            _keys.TokensOfIndex(key) is [_, var hub, _, var node, var connection] ? new SessionPosition(node, hub, connection) : null;

        async Task<List<SessionPosition?>> ListNodeAsync(string node)
        {
            var keys = new HashSet<string>(StringComparer.Ordinal); // a key may stand on two pages, as keys come and go between them
            await foreach (var page in _sessions.ListAsync(_keys.SessionsOf(node, HubOf(query)), cancellationToken).ConfigureAwait(false))
            {
                keys.UnionWith(page);
            }

            return [.. keys.Select(key => _keys.TokensOfSession(key) is [_, _, var hub, var connection] ? new SessionPosition(node, hub, connection) : default(SessionPosition?))];
        }
    }
}

using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Lists sessions page by page: by node, then by hub, then by connection id.</summary>
internal sealed partial class RedisSessionStore
{
    public async ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessions, 1);
        var after = SessionPosition.Parse(continuationToken);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var nodes = await LiveNodesAsync(database, query, cancellationToken).ConfigureAwait(false);
        nodes = [.. nodes
            .Where(keys => after is not { } last || string.CompareOrdinal(keys.NodeId, last.NodeId) >= 0)
            .OrderBy(static keys => keys.NodeId, StringComparer.Ordinal)];
        if (query.Hub is { } known && (query.UserId ?? query.Group) is not null)
        {
            nodes = await WithMembersAsync(database, query, known, nodes, cancellationToken).ConfigureAwait(false);
        }

        var sessions = new List<Session>();
        foreach (var keys in nodes)
        {
            var behind = after is { } last && last.NodeId == keys.NodeId ? last : default(SessionPosition?);
            await AddAsync(database, query, keys, behind, maxSessions, sessions, cancellationToken).ConfigureAwait(false);
            if (sessions.Count > maxSessions)
            {
                var end = sessions[maxSessions - 1];
                return new() { Sessions = sessions[..maxSessions], ContinuationToken = new SessionPosition(end.NodeId, end.Hub, end.ConnectionId).ToString() };
            }
        }

        return new() { Sessions = sessions };
    }

    /// <summary>Adds a node's sessions until there is one more than fits, which tells that there is a next page.</summary>
    private async Task AddAsync(
        IDatabase database, SessionQuery query, RedisSessionKeys keys, SessionPosition? after, int maxSessions, List<Session> sessions, CancellationToken cancellationToken)
    {
        IEnumerable<string> hubs = query.Hub is { } one ? [one] : await HubsAsync(database, keys, cancellationToken).ConfigureAwait(false);
        foreach (var hub in hubs.Where(hub => after is not { } last || string.CompareOrdinal(hub, last.Hub) >= 0).Order(StringComparer.Ordinal))
        {
            var behind = after is { } position && position.Hub == hub ? position.ConnectionId : null;
            var index = IndexOf(query, keys, hub) ?? keys.Connections(hub);
            var pageSize = Math.Min(PageSize, maxSessions - sessions.Count + 1);
            await foreach (var connections in ByNameAsync(database, index, behind, pageSize, cancellationToken).ConfigureAwait(false))
            {
                var read = await ReadAsync(database, keys, hub, connections, log: true, cancellationToken).ConfigureAwait(false);
                sessions.AddRange(read.Where(session => Matches(query, session)));
                if (sessions.Count > maxSessions)
                {
                    return;
                }
            }
        }
    }
}

namespace DistributedSockets;

/// <summary>Keeps the sizes of groups, one key for each group and node, which its node alone writes; and lists them.</summary>
internal sealed partial class NatsSessionStore
{
    public async ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGroups, 1);
        var after = GroupPosition.Parse(query.Order, continuationToken);
        return await RunAsync(
            async () =>
            {
                var nodes = await LiveNodesAsync(null, cancellationToken).ConfigureAwait(false);
                var keys = await ListSizesAsync(query.Hub, nodes, cancellationToken).ConfigureAwait(false);
                var sizes = new Dictionary<string, long>(StringComparer.Ordinal);
                if (query.Order == GroupOrder.Largest)
                {
                    await ReadSizesAsync(keys, sizes, cancellationToken).ConfigureAwait(false);
                    return GroupPosition.Page(sizes, query, maxGroups, continuationToken);
                }

                // Most names stand in their keys, so by name only the sizes of a page are read, and those of names that are hashed.
                var (named, hashed) = ByName(keys);
                await ReadSizesAsync(hashed, sizes, cancellationToken).ConfigureAwait(false);
                var next = named.Keys
                    .Where(group => (query.Prefix is not { } prefix || group.StartsWith(prefix, StringComparison.Ordinal))
                        && (after is not { } last || GroupQuery.NameOrder.Compare(group, last.Group) > 0))
                    .Order(GroupQuery.NameOrder);
                foreach (var some in next.Chunk(maxGroups == int.MaxValue ? maxGroups : maxGroups + 1))
                {
                    var before = sizes.Count;
                    await ReadSizesAsync([.. some.SelectMany(group => named[group])], sizes, cancellationToken).ConfigureAwait(false);
                    if (sizes.Count - before == some.Length)
                    {
                        break; // else some are gone since, and others take their places
                    }
                }

                return GroupPosition.Page(sizes, query, maxGroups, continuationToken);
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static (Dictionary<string, List<string>> Named, List<string> Hashed) ByName(List<(string Key, string Group)> keys)
    {
        var named = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var hashed = new List<string>();
        foreach (var (key, token) in keys)
        {
            if (NatsKeyToken.Decode(token) is not { } group)
            {
                hashed.Add(key);
            }
            else if (named.TryGetValue(group, out var others))
            {
                others.Add(key);
            }
            else
            {
                named.Add(group, [key]);
            }
        }

        return (named, hashed);
    }

    /// <summary>The keys of the sizes of a hub's groups on live nodes, with the token of the group.</summary>
    private async Task<List<(string Key, string Group)>> ListSizesAsync(string hub, Dictionary<string, NodeInfo> nodes, CancellationToken cancellationToken)
    {
        var keys = new Dictionary<string, string>(StringComparer.Ordinal); // a key may stand on two pages, as keys come and go between them
        await foreach (var page in _sessions.ListAsync(_keys.GroupSizes(NatsKeyToken.Encode(hub)), cancellationToken).ConfigureAwait(false))
        {
            foreach (var key in page)
            {
                if (_keys.TokensOfSize(key) is [_, _, var group, var node] && nodes.ContainsKey(node))
                {
                    keys[key] = group;
                }
            }
        }

        return [.. keys.Select(static pair => (pair.Key, pair.Value))];
    }

    private Task ReadSizesAsync(List<(string Key, string Group)> keys, Dictionary<string, long> sizes, CancellationToken cancellationToken) =>
        ReadSizesAsync(keys.ConvertAll(static key => key.Key), sizes, cancellationToken);

    private async Task ReadSizesAsync(List<string> keys, Dictionary<string, long> sizes, CancellationToken cancellationToken)
    {
        await ForEachAsync(keys, ReadAsync, cancellationToken).ConfigureAwait(false);

        async Task ReadAsync(string key)
        {
            if (await _sessions.GetAsync(key, cancellationToken).ConfigureAwait(false) is not { } entry)
            {
                return; // gone since
            }

            if (NatsGroupRecord.Read(entry.Value) is { } size && _keys.TokensOfSize(key)?[2] == NatsKeyToken.Encode(size.Group))
            {
                lock (sizes)
                {
                    sizes[size.Group] = sizes.GetValueOrDefault(size.Group) + size.Connections;
                }
            }
            else if (_unreadableSessions.TryPass(out var held))
            {
                Log.UnreadableSession(_logger, InLog(key), held);
            }
        }
    }

    /// <summary>Learns once what stands in the bucket of a node's groups, in case that another store wrote for it.</summary>
    private async Task LoadGroupsAsync(string node, NatsOwnNode own, CancellationToken cancellationToken)
    {
        if (own.Groups.IsLoaded)
        {
            return;
        }

        var members = new List<(string Hub, string Group, string Connection)>();
        await foreach (var page in _sessions.ListAsync(_keys.GroupsOf(node), cancellationToken).ConfigureAwait(false))
        {
            foreach (var key in page)
            {
                if (_keys.TokensOfIndex(key) is [_, var hub, var group, _, var connection])
                {
                    members.Add((hub, group, connection));
                }
            }
        }

        own.Groups.Load(members);
    }

    /// <summary>Writes the sizes that a commit may have changed, and those that an earlier one was given up before.</summary>
    private async Task WriteSizesAsync(string node, NatsOwnNode own, CancellationToken cancellationToken)
    {
        (string Hub, string Group)[] due = [.. own.Groups.Due];
        await ForEachAsync(due, WriteAsync, cancellationToken).ConfigureAwait(false);
        foreach (var group in due)
        {
            own.Groups.Written(group);
        }

        Task WriteAsync((string Hub, string Group) group)
        {
            var key = _keys.GroupSize(NatsKeyToken.Encode(group.Hub), NatsKeyToken.Encode(group.Group), node);
            return own.Groups.Size(group) is > 0 and var size
                ? _sessions.PutAsync(key, new NatsGroupRecord { Group = group.Group, Connections = size }.Write(), null, cancellationToken)
                : _sessions.PurgeAsync(key, null, cancellationToken);
        }
    }
}

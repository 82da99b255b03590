using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>The keys and arguments of one call of <see cref="RedisSessionScripts.Apply"/>.</summary>
internal sealed class RedisApplyCall
{
    private const int MaxUpdates = 64;
    private const int MaxIndexes = 256;
    private const int NumberAt = 0;
    private const int ConfirmedAt = 1;

    private readonly RedisSessionKeys _node;
    private readonly List<RedisKey> _keys;
    private readonly List<RedisValue> _arguments = [RedisValue.EmptyString, RedisValue.EmptyString];
    private int _updates;
    private int _indexes;
    private int _countAt;

    private RedisApplyCall(RedisSessionKeys node)
    {
        _node = node;
        _keys = [node.Lease];
    }

    private bool IsFull => _updates >= MaxUpdates || _indexes >= MaxIndexes;

    /// <summary>Puts updates into calls that keep Redis busy for a moment only.</summary>
    public static IEnumerable<RedisApplyCall> From(RedisSessionKeys node, IReadOnlyList<RedisSessionUpdate> updates)
    {
        var call = new RedisApplyCall(node);
        foreach (var update in updates)
        {
            if (call.IsFull)
            {
                yield return call;
                call = new(node);
            }

            call.Begin(update);
            foreach (var (group, isMember) in update.Groups)
            {
                // A session that is written or ended is not cut, so that nobody sees a part of it.
                if (update.Whole is null && call._indexes >= MaxIndexes)
                {
                    yield return call;
                    call = new(node);
                    call.Begin(update);
                }

                call.AddIndex(isMember, RedisSessionScripts.GroupCounts, node.Group(update.Hub, group), group);
            }
        }

        yield return call;
    }

    /// <summary>Sends the call.</summary>
    /// <param name="database">Where to.</param>
    /// <param name="number">The number of the write, or empty for a write without one.</param>
    /// <param name="confirmed">The number that the lease must have reached.</param>
    public Task<RedisResult> Send(IDatabase database, RedisValue number, RedisValue confirmed)
    {
        _arguments[NumberAt] = number;
        _arguments[ConfirmedAt] = confirmed;

        // Without the script cache: after a SCRIPT FLUSH each of the scripts in flight would be sent again when its refusal
        // arrives, and their order would be lost.
        var applied = database.ScriptEvaluateAsync(RedisSessionScripts.Apply, [.. _keys], [.. _arguments], CommandFlags.NoScriptCache);
        applied.Observe();
        return applied;
    }

    private void Begin(RedisSessionUpdate update)
    {
        var hub = update.Hub;
        _updates++;
        _keys.AddRange([_node.Hubs, _node.Sessions(hub), _node.Users(hub), _node.Groups(hub), _node.GroupsOf(hub, update.ConnectionId), _node.Connections(hub)]);
        _arguments.AddRange(update switch
        {
            { Whole: null, Record: null } => [hub, update.ConnectionId, "=", ""],
            { Whole: null, Record: { } record } => [hub, update.ConnectionId, "~", RedisSessionRecord.Write(record)],
            { HasEnded: true } => [hub, update.ConnectionId, "-", ""],
            { Whole: { } session } => [hub, update.ConnectionId, "+", RedisSessionRecord.Write(session)],
        });
        _countAt = _arguments.Count;
        _arguments.Add(0);
        if (update.Whole?.UserId is { } user)
        {
            AddIndex(!update.HasEnded, RedisSessionScripts.UserCounts, _node.User(hub, user), user);
        }
    }

    private void AddIndex(bool isMember, string counts, RedisKey index, string name)
    {
        _indexes++;
        _keys.Add(index);
        _arguments.AddRange([isMember ? "+" : "-", counts, name]);
        _arguments[_countAt] = (int)_arguments[_countAt] + 1;
    }
}

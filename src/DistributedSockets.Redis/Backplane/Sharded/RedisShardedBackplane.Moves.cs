using System.Net;

namespace DistributedSockets;

/// <summary>Has channels follow their slots to another primary.</summary>
internal sealed partial class RedisShardedBackplane
{
    private const int BatchSize = 256;

    private async Task ApplyAsync(RedisTopology topology, CancellationToken stop)
    {
        var primaries = topology.Primaries;
        var added = primaries.Where(primary => !_shards.ContainsKey(primary)).Select(primary => Create(primary, topology)).ToArray();
        await Task.WhenAll(added.Select(shard => shard.StartAsync(stop))).ConfigureAwait(false);
        var targets = new RedisShard?[RedisSlots.Count];
        var (lost, moved) = (0, new List<int>());
        for (var slot = 0; slot < targets.Length; slot++)
        {
            targets[slot] = topology[slot] is { } owner ? _shards[owner] : null;
            lost += targets[slot] is null ? 1 : 0;

            // One that an earlier call left unserved, since it failed half-way, has moved too.
            if (!ReferenceEquals(targets[slot], _targets[slot]) || !ReferenceEquals(targets[slot], Volatile.Read(ref _slots[slot])))
            {
                moved.Add(slot);
            }
        }

        var before = _targets;
        var former = moved.Select(slot => before[slot]).OfType<RedisShard>().Distinct().ToArray();
        var wasAvailable = _monitor.State == TransportState.Available;
        _targets = targets;
        foreach (var slot in moved)
        {
            Volatile.Write(ref _slots[slot], null);
        }

        // From here on nobody subscribes or publishes by the old map; whoever had begun to still holds the gate of the channel.
        Interlocked.MemoryBarrier();
        foreach (var shard in primaries.Select(primary => _shards[primary]))
        {
            if (!ReferenceEquals(targets[SlotOf(shard.Probe)], shard))
            {
                shard.MoveProbe(FindProbe(topology, shard.EndPoint));
            }
        }

        // A primary that has no slots left and does not answer is ended at once, with all its subscriptions.
        var retired = _shards.Values.Where(shard => !primaries.Contains(shard.EndPoint)).ToArray();
        var answering = await Task.WhenAll(retired.Select(
            async shard => shard.IsAvailable && await shard.Backplane.FlushAsync(AnswerLimit, stop).ConfigureAwait(false))).ConfigureAwait(false);
        var mute = retired.Where((_, index) => !answering[index]).ToArray();
        Array.ForEach(retired, shard => _shards.Remove(shard.EndPoint));
        _live = [.. _shards.Values];
        await Task.WhenAll(mute.Select(static shard => shard.EndAsync(waits: false).AsTask())).ConfigureAwait(false);
        int channels;
        try
        {
            channels = await WithdrawAllAsync(stop).ConfigureAwait(false);
            await FollowAllAsync(moved, before, mute, stop).ConfigureAwait(false);
            await PlaceAllAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            await Task.WhenAll(retired.Select(static shard => shard.DisposeAsync().AsTask())).ConfigureAwait(false);
        }

        foreach (var slot in moved)
        {
            Volatile.Write(ref _slots[slot], targets[slot]);
        }

        // A primary that took a slot over and gave it back has ended subscriptions, and one that gave a slot away may still have channels to give up.
        foreach (var shard in _live)
        {
            shard.Backplane.Look();
        }

        _lostSlots = lost;
        Evaluate();
        if (former.Length > 0)
        {
            Log.SlotsMoved(_logger, moved.Count, channels, _live.Length);
            ReportMove(former, wasAvailable);
        }
    }

    /// <summary>Ends each subscription that is not where it belongs.</summary>
    /// <returns>How many there were.</returns>
    private async Task<int> WithdrawAllAsync(CancellationToken stop)
    {
        var withdrawn = 0;
        foreach (var batch in Misplaced().Chunk(BatchSize))
        {
            await Task.WhenAll(batch.Select(pair => WithdrawAsync(pair.Key, pair.Value, _targets[pair.Value.Slot], stop))).ConfigureAwait(false);
            withdrawn += batch.Length;
        }

        return withdrawn;
    }

    /// <summary>Lets what former primaries have taken, and pass on, arrive at their successors before anything else does.</summary>
    private Task FollowAllAsync(IEnumerable<int> moved, RedisShard?[] before, RedisShard[] mute, CancellationToken stop)
    {
        var pairs = new Dictionary<(RedisShard Former, RedisShard Successor), int>();
        foreach (var slot in moved)
        {
            if (before[slot] is { } former && _targets[slot] is { } successor && former != successor && !mute.Contains(former))
            {
                pairs.TryAdd((former, successor), slot);
            }
        }

        // One at a time for each successor, since it has room for one barrier only.
        return Task.WhenAll(pairs.GroupBy(static pair => pair.Key.Successor).Select(async group =>
        {
            foreach (var ((former, successor), slot) in group)
            {
                var channel = RedisSlots.FindChannel(_probe + ":moved", _channelPrefix, candidate => candidate == slot);
                await former.Backplane.FlushAsync(_timeout, stop).ConfigureAwait(false);
                await successor.FollowAsync(former, channel, _timeout, _time, stop).ConfigureAwait(false);
            }
        }));
    }

    /// <summary>Subscribes each channel where it belongs.</summary>
    private async Task PlaceAllAsync(CancellationToken stop)
    {
        var left = 0;
        foreach (var batch in Misplaced().Chunk(BatchSize))
        {
            var placed = await Task.WhenAll(batch.Select(pair => PlaceAsync(pair.Key, pair.Value, _targets[pair.Value.Slot], stop))).ConfigureAwait(false);
            left += placed.Count(static isPlaced => !isPlaced);
        }

        _misplaced = left;
    }

    private KeyValuePair<string, RedisPlacement>[] Misplaced()
    {
        var targets = _targets;
        return [.. _channels.Where(pair => !ReferenceEquals(pair.Value.Shard, targets[pair.Value.Slot]))];
    }

    private static async Task WithdrawAsync(string channel, RedisPlacement placement, RedisShard? target, CancellationToken stop)
    {
        await placement.Gate.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (!placement.IsClosed && placement.Shard is { } former && !ReferenceEquals(former, target))
            {
                placement.Shard = null;
                await former.Backplane.UnsubscribeAsync(channel, stop).ConfigureAwait(false);
            }
        }
        finally
        {
            placement.Gate.Release();
        }
    }

    private async Task<bool> PlaceAsync(string channel, RedisPlacement placement, RedisShard? target, CancellationToken stop)
    {
        await WithdrawAsync(channel, placement, target, stop).ConfigureAwait(false); // one that was subscribed meanwhile
        await placement.Gate.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (placement.IsClosed || ReferenceEquals(placement.Shard, target))
            {
                return placement.IsClosed || target is not null;
            }

            if (target is null || placement.Shard is not null)
            {
                return false;
            }

            placement.Begin(target);
            await target.Backplane.SubscribeAsync(channel, stop).ConfigureAwait(false);
            placement.Complete();
            if (placement.IsClosed)
            {
                await target.Backplane.UnsubscribeAsync(channel, stop).ConfigureAwait(false); // whoever gave it up may not have waited
            }

            return true;
        }
        catch (BackplaneRefusedException exception)
        {
            Forget(channel, placement, exception);
            return true;
        }
        catch (BackplaneUnavailableException)
        {
            return false;
        }
        finally
        {
            placement.Gate.Release();
        }
    }

    /// <summary>Takes a channel that its primary has come to refuse off the list.</summary>
    internal void OnRefused(RedisShard shard, string channel, BackplaneRefusedException cause)
    {
        if (_channels.TryGetValue(channel, out var placement) && placement.Refuse(shard, cause))
        {
            Forget(channel, placement, cause);
        }
    }

    private void Forget(string channel, RedisPlacement placement, BackplaneRefusedException cause)
    {
        if (_channels.TryRemove(new(channel, placement)))
        {
            placement.IsClosed = true;
            Receiver.OnSubscriptionRefused(channel, cause);
        }
    }

    private RedisShard Create(EndPoint primary, RedisTopology topology)
    {
        var configuration = _configuration.Clone();
        configuration.EndPoints.Add(primary);
        var probe = FindProbe(topology, primary);
        var backplane = new RedisBackplane(
            new() { Configuration = configuration, OperationTimeout = _timeout, MaxPendingBytes = _maxPendingBytes }, probe, isShard: true, _time, _logger);
        var shard = new RedisShard(this, primary, backplane, probe);
        _shards[primary] = shard;
        return shard;
    }

    private string FindProbe(RedisTopology topology, EndPoint primary) =>
        RedisSlots.FindChannel(_probe, _channelPrefix, slot => primary.Equals(topology[slot]));
}

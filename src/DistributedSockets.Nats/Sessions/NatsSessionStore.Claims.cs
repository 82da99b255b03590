namespace DistributedSockets;

/// <summary>Takes over the sessions of nodes that are gone.</summary>
internal sealed partial class NatsSessionStore
{
    // What is known to be left of the node that is being claimed, so that a large one is not listed anew for each portion.
    private readonly Queue<string> _left = new();
    private string? _leftOf;

    public async ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(
        string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(claimantNodeId);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessions, 1);
        var claimed = new List<Session>();
        await _claiming.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await RunAsync(
                async () =>
                {
                    await ClaimAsync(claimantNodeId, maxSessions, claimed, cancellationToken).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (claimed.Count > 0 && exception is (SessionStoreUnavailableException or OperationCanceledException))
        {
            // What is claimed is gone from the bucket: only this caller can report it, so it comes before the failure.
        }
        finally
        {
            _claiming.Release();
        }

        return claimed;
    }

    private async Task ClaimAsync(string claimantNodeId, int maxSessions, List<Session> claimed, CancellationToken cancellationToken)
    {
        // In this order: what was written up to here by a node whose lease turns out to have run out was written before that is
        // marked, and the node is told of the mark. What it writes later is its own again.
        var last = await _sessions.GetLastSequenceAsync(cancellationToken).ConfigureAwait(false);
        var leases = await LeasesAsync(null, cancellationToken).ConfigureAwait(false);
        if (leases.Count == 0)
        {
            return;
        }

        await LookAtClockAsync(needed: true, cancellationToken).ConfigureAwait(false);
        var now = _clock.Now;
        foreach (var lease in leases.Where(lease => lease.Record.NodeId != claimantNodeId && !lease.IsLive(now)))
        {
            // Also one that is marked: of several claimants at the same node, one goes on.
            var mark = (lease.Record with { IsLost = true }).Write();
            if (await _nodes.PutAsync(_keys.Lease(lease.Token), mark, lease.Sequence, cancellationToken).ConfigureAwait(false) is { } marked
                && await ClaimNodeAsync(lease.Token, last, maxSessions, claimed, cancellationToken).ConfigureAwait(false))
            {
                await ForgetNodeAsync(lease, marked, last, cancellationToken).ConfigureAwait(false);
            }

            if (claimed.Count >= maxSessions)
            {
                return;
            }
        }
    }

    /// <returns>Whether nothing of the node is left.</returns>
    private async Task<bool> ClaimNodeAsync(string node, ulong last, int maxSessions, List<Session> claimed, CancellationToken cancellationToken)
    {
        var isFresh = false;
        if (_leftOf != node)
        {
            _left.Clear();
            _leftOf = node;
        }

        while (claimed.Count < maxSessions)
        {
            if (_left.Count == 0)
            {
                if (isFresh)
                {
                    return false; // what is left belongs to somebody else by now, or comes next time
                }

                isFresh = true;
                await foreach (var page in _sessions.ListAsync(_keys.SessionsOf(node), cancellationToken).ConfigureAwait(false))
                {
                    foreach (var key in page)
                    {
                        _left.Enqueue(key);
                    }

                    break; // one page at a time
                }

                if (_left.Count == 0)
                {
                    return true;
                }
            }

            var keys = new List<string>();
            for (var wanted = Math.Min(maxSessions - claimed.Count, PageSize); wanted > 0 && _left.TryDequeue(out var key); wanted--)
            {
                keys.Add(key);
            }

            if (await ClaimAsync(keys, last, claimed, cancellationToken).ConfigureAwait(false))
            {
                isFresh = false;
            }
        }

        return false;
    }

    /// <returns>Whether at least one was taken.</returns>
    private async Task<bool> ClaimAsync(List<string> keys, ulong last, List<Session> claimed, CancellationToken cancellationToken)
    {
        var entries = keys.ConvertAll(key => _sessions.GetAsync(key, cancellationToken));
        entries.ForEach(TaskObservation.Observe); // all are under way, and the first that fails ends the wait
        await ForEachAsync(entries, static entry => entry, cancellationToken).ConfigureAwait(false);
        var found = new List<(string Key, byte[] Value, Task<bool> Claim)>();
        for (var i = 0; i < keys.Count; i++)
        {
            if (entries[i].Result is { } entry && entry.Sequence <= last)
            {
                var claim = _sessions.DeleteAsync(entry.Sequence, cancellationToken);
                claim.Observe();
                found.Add((keys[i], entry.Value, claim));
            }
        }

        Exception? failure = null;
        try
        {
            await ForEachAsync(found, static one => one.Claim, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SessionStoreUnavailableException or BucketMissingException or OperationCanceledException)
        {
            failure = exception;
        }

        var (taken, unanswered) = (false, 0);
        foreach (var (key, value, claim) in found)
        {
            if (!claim.IsCompletedSuccessfully)
            {
                unanswered++;
            }
            else if (claim.Result)
            {
                taken = true;
                if (Read(key, value, out _) is { } session)
                {
                    claimed.Add(session);
                }
            }
        }

        if (failure is not null)
        {
            Log.ClaimsUnanswered(_logger, unanswered, failure);
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        return taken;
    }

    private async Task ForgetNodeAsync(Lease lease, ulong marked, ulong last, CancellationToken cancellationToken)
    {
        // Only what was written before the mark: the node may be back.
        string[] filters = [_keys.UsersOf(lease.Token), _keys.GroupsOf(lease.Token), _keys.GroupSizesOf(lease.Token)];
        await ForEachAsync(filters, filter => _sessions.PurgeAsync(filter, last, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (!await _nodes.DeleteAsync(marked, cancellationToken).ConfigureAwait(false))
        {
            return; // it is back
        }

        if (await _sessions.CountAsync(_keys.SessionsOf(lease.Token), cancellationToken).ConfigureAwait(false) > 0)
        {
            // It has written meanwhile, without knowing. Marked, it is looked after if it does not come back.
            await _nodes.PutAsync(_keys.Lease(lease.Token), (lease.Record with { IsLost = true }).Write(), expected: 0, cancellationToken).ConfigureAwait(false);
            return;
        }

        // Last, as a node that is back would take its absence for one more loss.
        await _sessions.PurgeAsync(_keys.Written(lease.Token), last, cancellationToken).ConfigureAwait(false);
        if (_forgottenNodes.TryPass(out var held))
        {
            Log.NodeForgotten(_logger, InLog(lease.Record.NodeId), held);
        }
    }
}

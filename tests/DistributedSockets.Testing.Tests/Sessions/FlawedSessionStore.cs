using System.Runtime.CompilerServices;
using static DistributedSockets.SessionChangeKind;
using static DistributedSockets.Testing.Tests.Sessions.SessionStoreFlaw;

namespace DistributedSockets.Testing.Tests.Sessions;

/// <summary>A session store of a <see cref="FlawedStoreServer"/>, sound but for at most one flaw.</summary>
internal sealed partial class FlawedSessionStore(FlawedStoreServer server, string cluster, SessionStoreFlaw flaw) : ISessionStore
{
    private static readonly List<FlawedSessionStore> Held = [];

    private readonly bool _begunAway = server.IsAway;
    private readonly List<object> _remembered = [];
    private readonly HashSet<string> _renewed = [];
    private readonly SemaphoreSlim _listing = new(1, 1);
    private List<IReadOnlyList<SessionChange>> _cancelled = [];
    private List<IReadOnlyList<SessionChange>> _coming = [];
    private int _calls;
    private int _disposals;
    private bool _used;

    private ISessionStore Inner => server.Store(flaw == CrossesClusters ? "one-for-all" : cluster);

    public ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default) => CallAsync(node, cancellationToken, async () =>
    {
        ArgumentNullException.ThrowIfNull(node);
        (NodeInfo Node, TimeSpan Expiry) before;
        bool known;
        lock (server.Known)
        {
            known = server.Known.TryGetValue(node.NodeId, out before);
            server.Known[node.NodeId] = (node, expiry);
            _renewed.Add(node.NodeId);
        }

        if (flaw == DoesNotProlong && known && expiry > before.Expiry)
        {
            return true;
        }

        if (flaw == KeepsTheFirstFigures && known)
        {
            node = node with { Figures = before.Node.Figures };
        }

        var held = await Inner.RenewLeaseAsync(
            flaw == ForgetsNodeNames ? node with { Name = node.NodeId } : node, flaw == LeasesNeverEnd ? TimeSpan.FromDays(1) : expiry, cancellationToken);
        if (flaw == NewLeaseStartsEmpty && !held)
        {
            await Inner.ResetAsync(node.NodeId, cancellationToken);
        }

        if (flaw == ClaimTakesNothingOut && !held)
        {
            await Inner.CommitAsync(node.NodeId, [.. server.Claimed.Where(session => session.NodeId == node.NodeId).Select(session => new SessionChange { Kind = Saved, Session = session })], cancellationToken);
        }

        foreach (var (nodeId, changes) in server.Refused)
        {
            await Inner.CommitAsync(nodeId, changes, cancellationToken);
        }

        return held || flaw == AlwaysSaysHeld || (flaw == SaysHeldOnceKnown && known);
    });

    public async ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default) => await CallAsync(nodeId, cancellationToken, async () =>
    {
        await ThrowIfUnknownAsync(nodeId);
        if (flaw == RemoveEndsTheLeaseOnly)
        {
            await Inner.RenewLeaseAsync(server.Known[nodeId].Node, TimeSpan.Zero, cancellationToken);
        }
        else
        {
            await Inner.RemoveNodeAsync(nodeId, cancellationToken);
        }

        return true;
    });

    public async ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default)
    {
        if (flaw == RefusedCommitsComeLater && server.IsAway)
        {
            server.Refused.Add((nodeId, changes));
        }

        await CallAsync(nodeId is null ? null : changes, cancellationToken, async () =>
        {
            if (nodeId is not null && changes is not null)
            {
                changes = await SpoilAsync(nodeId, changes, cancellationToken);
            }

            await Inner.CommitAsync(nodeId!, changes!, cancellationToken);
            if (flaw == GroupsNeverShrink)
            {
                await RememberSizesAsync(changes!, cancellationToken);
            }

            if (flaw == CancelledCommitComesLater)
            {
                foreach (var late in _coming)
                {
                    await Inner.CommitAsync(nodeId!, late, CancellationToken.None);
                }

                (_coming, _cancelled) = (_cancelled, []);
            }

            return true;
        });
    }

    public async ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default) => await CallAsync(nodeId, cancellationToken, async () =>
    {
        await ThrowIfUnknownAsync(nodeId);
        switch (flaw)
        {
            case ResetDoesNothing:
                break;
            case ResetEndsTheLease:
                await Inner.RemoveNodeAsync(nodeId, cancellationToken);
                break;
            default:
                await Inner.ResetAsync(nodeId, cancellationToken);
                break;
        }

        return true;
    });

    public ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default) =>
        CallAsync(maxSessions < 1 ? null : claimantNodeId, cancellationToken, async () =>
        {
            if (flaw == ClaimsFiveHundredAtMost && server.ClaimedCount >= 500)
            {
                return [];
            }

            var asked = flaw switch
            {
                ClaimsAllAtOnce => int.MaxValue,
                ClaimsFiveHundredAtMost => Math.Min(maxSessions, 500),
                _ => maxSessions,
            };
            var claimed = await Inner.ClaimExpiredAsync(claimantNodeId, asked, cancellationToken);
            server.ClaimedCount += claimed.Count;
            switch (flaw)
            {
                case ClaimsTwice or ClaimTakesNothingOut:
                    lock (server.Claimed)
                    {
                        if (flaw == ClaimsTwice && claimed.Count == 0)
                        {
                            claimed = [.. server.Claimed];
                            server.Claimed.Clear();
                        }
                        else
                        {
                            server.Claimed.AddRange(claimed);
                        }
                    }

                    break;
                case ClaimsWithoutGroups:
                    return [.. claimed.Select(static session => session with { Groups = [] })];
                case ClaimsOfTheLiving:
                    foreach (var node in await Inner.ListNodesAsync(cancellationToken))
                    {
                        var living = await ListInnerAsync(SessionQuery.ForNode(node.NodeId));
                        await Inner.CommitAsync(node.NodeId, [.. living.Select(static session => new SessionChange { Kind = Ended, Session = session })], cancellationToken);
                        claimed = [.. claimed, .. living];
                    }

                    break;
            }

            return claimed;
        });

    public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default) =>
        CallAsync(hub is null ? null : connectionId, cancellationToken, async () =>
        {
            if (flaw == UnknownFormThrows && connectionId.Split('.') is not [{ Length: > 0 }, { Length: > 0 }])
            {
                throw new FormatException(connectionId);
            }

            if (flaw == FindsByTheNodeOfTheId && !connectionId.Contains('.', StringComparison.Ordinal))
            {
                return null;
            }

            var session = await Inner.FindAsync(hub!, connectionId, cancellationToken);
            return flaw == NamesTheAnonymous && session is not null ? session with { UserId = session.UserId ?? "" } : session;
        });

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        if (flaw != AcceptsMissingArguments)
        {
            ArgumentNullException.ThrowIfNull(query);
        }

        return flaw == ListIgnoresTheToken ? ListCoreAsync(query, CancellationToken.None) : ListCoreAsync(query, cancellationToken);
    }

    public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default) => CallAsync(query, cancellationToken, () =>
        Inner.CountAsync(flaw == MixesHubs && query.NodeId is { } nodeId ? SessionQuery.ForNode(nodeId) : query, cancellationToken));

    public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default) =>
        CallAsync(hub is null ? null : userIds, cancellationToken, async () =>
        {
            switch (flaw)
            {
                case NobodyAskedThrows when userIds.Count == 0:
                    throw new ArgumentOutOfRangeException(nameof(userIds));
                case NobodyThereAnswersNothing when (await Inner.ListNodesAsync(cancellationToken)).Count == 0:
                    return [];
            }

            return await Inner.AreOnlineAsync(hub!, flaw == AnswersSorted ? [.. userIds.Order(StringComparer.Ordinal)] : userIds, cancellationToken);
        });

    public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => CallAsync("", cancellationToken, async () =>
    {
        var nodes = await Inner.ListNodesAsync(cancellationToken);
        return flaw == ListsANodeOfItsOwn ? [.. nodes, new() { NodeId = "own", Name = "own", StartedAt = default }] : nodes;
    });

    public async ValueTask DisposeAsync()
    {
        var isFirst = Interlocked.Increment(ref _disposals) == 1;
        switch (flaw)
        {
            case SecondDisposeThrows when !isFirst:
                throw new ObjectDisposedException(nameof(FlawedSessionStore));
            case DisposeNeedsUse when !_used:
                throw new InvalidOperationException("Use it first.");
            case IsHeldAfterDisposal:
                Held.Add(this);
                break;
            case DisposeHangsWhileAway when server.IsAway:
                await new TaskCompletionSource().Task;
                break;
            case DisposeRemovesTheNodes:
                foreach (var nodeId in _renewed)
                {
                    await Inner.RemoveNodeAsync(nodeId);
                }

                break;
        }
    }

    /// <summary>What is left of the changes when the flaw has dealt with them.</summary>
    private async Task<IReadOnlyList<SessionChange>> SpoilAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken)
    {
        switch (flaw)
        {
            case NoChangesThrow when changes.Count == 0:
                throw new ArgumentException("Nothing to do.", nameof(changes));
            case AppliesBackwards:
                return [.. changes.Reverse()];
            case IgnoresEnded:
                return [.. changes.Where(static change => change.Kind != Ended)];
            case IgnoresGroupRemoved:
                return [.. changes.Where(static change => change.Kind != GroupRemoved)];
            case IgnoresPropertiesSet:
                return [.. changes.Where(static change => change.Kind != PropertiesSet)];
            case ForgetsProperties:
                return [.. changes.Select(static change => change with { Session = change.Session with { Properties = new Dictionary<string, string>() } })];
            case CountsRepeats:
                Tally(changes);
                break;
            case ReadsEachChange:
                return [.. changes.OrderBy(static change => change.Session.ConnectionId)];
            case RemembersSessions:
                _remembered.AddRange(changes.Select(static change => change.Session));
                break;
            case ForgetsSessionsWithoutLease when (await Inner.ListNodesAsync(cancellationToken)).All(node => node.NodeId != nodeId):
                return [];
            case CommitTakesALease:
                await Inner.RenewLeaseAsync(new() { NodeId = nodeId, Name = nodeId, StartedAt = default }, TimeSpan.FromDays(1), cancellationToken);
                break;
            case EndedEndsAllOfTheUser:
                var ended = changes.Where(static change => change is { Kind: Ended, Session.UserId: not null }).Select(static change => change.Session).ToArray();
                foreach (var session in ended)
                {
                    var all = await ListInnerAsync(SessionQuery.ForUser(session.Hub, session.UserId!));
                    changes = [.. changes, .. all.Select(static one => new SessionChange { Kind = Ended, Session = one })];
                }

                break;
            case RefusesRepeats:
                foreach (var change in changes)
                {
                    if (change.Kind == Saved && await Inner.FindAsync(change.Session.Hub, change.Session.ConnectionId, cancellationToken) is not null)
                    {
                        throw new InvalidOperationException("It is there already.");
                    }

                    await Inner.CommitAsync(nodeId, [change], cancellationToken);
                }

                return [];
            case SavesInTwoSteps:
                await Inner.CommitAsync(nodeId, [.. changes.Select(static change => change with { Session = change.Session with { Groups = [.. change.Session.Groups.Take(1)] } })], cancellationToken);
                await Task.Delay(1, cancellationToken);
                break;
            case CancelledCommitComesLater:
                try
                {
                    await Task.Delay(5, cancellationToken);
                }
                catch (OperationCanceledException)
                {
                    _cancelled.Add(changes);
                    throw;
                }

                break;
            case LosesConcurrentCommits:
                var isAlone = Interlocked.Increment(ref server.Committing) == 1;
                await Task.Delay(1, cancellationToken);
                Interlocked.Decrement(ref server.Committing);
                return isAlone ? changes : [];
        }

        return changes;
    }

    private async IAsyncEnumerable<Session> ListCoreAsync(SessionQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (query is null)
        {
            yield break;
        }

        if (flaw == ListIgnoresTheToken)
        {
            cancellationToken = CancellationToken.None;
        }

        if (flaw == LeftEarlyBlocks)
        {
            await _listing.WaitAsync(cancellationToken);
        }

        var sessions = await CallAsync(query, cancellationToken, () => new ValueTask<List<Session>>(SelectAsync(query)));
        foreach (var session in sessions)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (server.IsAway)
            {
                if (flaw == ListEndsQuietly)
                {
                    yield break;
                }

                throw new SessionStoreUnavailableException();
            }

            yield return session;
        }

        if (flaw == LeftEarlyBlocks)
        {
            _listing.Release();
        }
    }

    private async Task<List<Session>> SelectAsync(SessionQuery query)
    {
        var sessions = await ListInnerAsync(query);
        switch (flaw)
        {
            case NothingFoundThrows when sessions.Count == 0:
                throw new KeyNotFoundException("Nothing matches.");
            case KnowsNoUsers when query.UserId is not null:
                return [];
            case ListsAThousandAtMost:
                return [.. sessions.Take(1_000)];
            case SeesOneNodeOnly:
                return [.. sessions.Where(session => session.NodeId == sessions[0].NodeId)];
            case IgnoresTheGroupOfAUser when query is { Hub: { } hub, UserId: { } userId, Group: not null }:
                return await ListInnerAsync(SessionQuery.ForUser(hub, userId));
            case IgnoresCase when query is { Hub: { } hub, UserId: { } userId }:
                return [.. (await ListInnerAsync(SessionQuery.ForHub(hub))).Where(session => string.Equals(session.UserId, userId, StringComparison.OrdinalIgnoreCase))];
            case MixesUsersAndGroups when query is { Hub: { } hub, UserId: { } userId }:
                return [.. sessions, .. await ListInnerAsync(SessionQuery.ForGroup(hub, userId))];
        }

        return sessions;
    }

    private async Task<List<Session>> ListInnerAsync(SessionQuery query)
    {
        var sessions = new List<Session>();
        await foreach (var session in Inner.ListAsync(query))
        {
            sessions.Add(session);
        }

        return sessions;
    }

    private async Task ThrowIfUnknownAsync(string nodeId)
    {
        if (flaw == UnknownNodeThrows && (await Inner.ListNodesAsync()).All(node => node.NodeId != nodeId))
        {
            throw new KeyNotFoundException(nodeId);
        }
    }

    /// <summary>Does what every call does before its work.</summary>
    private async ValueTask<T> CallAsync<T>(object? argument, CancellationToken cancellationToken, Func<ValueTask<T>> work)
    {
        if (flaw == AcceptsMissingArguments && argument is null)
        {
            return default!;
        }

        _used = true;
        var isAlone = Interlocked.Increment(ref _calls) == 1;
        try
        {
            if (flaw == RefusesConcurrentCalls && !isAlone)
            {
                throw new InvalidOperationException("One at a time.");
            }

            if (Volatile.Read(ref _disposals) > 0)
            {
                throw flaw == ThrowsWrongAfterDisposal ? new InvalidOperationException("It is gone.") : new ObjectDisposedException(nameof(FlawedSessionStore));
            }

            if (flaw == ThrowsWrongWhenCancelled && cancellationToken.IsCancellationRequested)
            {
                throw new InvalidOperationException("What was cancelled?");
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (server.IsAway || (flaw == BegunAwayStaysAway && _begunAway) || (flaw == StaysAwayTheSecondTime && server.Outages > 1))
            {
                switch (flaw)
                {
                    case HangsWhileAway:
                        await new TaskCompletionSource().Task;
                        break;
                    case ThrowsWrongWhileAway:
                        throw new IOException("The server is away.");
                }

                throw new SessionStoreUnavailableException();
            }

            await Task.Yield();
            return await work();
        }
        finally
        {
            Interlocked.Decrement(ref _calls);
        }
    }
}

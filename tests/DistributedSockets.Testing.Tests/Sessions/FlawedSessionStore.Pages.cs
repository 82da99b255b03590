using System.Globalization;
using static DistributedSockets.SessionChangeKind;
using static DistributedSockets.Testing.Tests.Sessions.SessionStoreFlaw;

namespace DistributedSockets.Testing.Tests.Sessions;

/// <summary>What can be wrong with lists page by page, and with the sizes of groups.</summary>
internal sealed partial class FlawedSessionStore
{
    private readonly HashSet<string> _given = [];

    public ValueTask<SessionPage> ListPageAsync(SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default) =>
        CallAsync(maxSessions < 1 ? null : query, cancellationToken, async () =>
        {
            RefuseToken(continuationToken);
            SessionPage page;
            if (flaw is PagesOverlap or PagesByOffset)
            {
                var all = (await SelectAsync(query)).OrderBy(static session => session.ConnectionId, StringComparer.Ordinal).ToList();
                var (some, next) = Cut(all, maxSessions, continuationToken);
                page = new() { Sessions = some, ContinuationToken = next };
            }
            else
            {
                page = await Inner.ListPageAsync(flaw == IgnoresTheGroupOfAUser ? WithoutGroup(query) : query, maxSessions, continuationToken, cancellationToken);
            }

            return page with { ContinuationToken = Give(page.ContinuationToken) };
        });

    public ValueTask<GroupPage> ListGroupsAsync(GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default) =>
        CallAsync(maxGroups < 1 ? null : query, cancellationToken, async () =>
        {
            RefuseToken(continuationToken);
            GroupPage page;
            switch (flaw)
            {
                case GroupsNeverShrink or CountsRepeats or PagesByOffset or OrdersGroupsByLetter:
                    var all = await SizesAsync(query, cancellationToken);
                    var (some, next) = Cut(all, maxGroups, continuationToken);
                    page = new() { Groups = some, ContinuationToken = next };
                    break;
                case IgnoresThePrefix:
                    page = await Inner.ListGroupsAsync(GroupQuery.ByName(query.Hub), maxGroups, continuationToken, cancellationToken);
                    break;
                case OrdersTheLargestByName:
                    page = await Inner.ListGroupsAsync(GroupQuery.ByName(query.Hub, query.Prefix), maxGroups, continuationToken, cancellationToken);
                    break;
                default:
                    page = await Inner.ListGroupsAsync(query, maxGroups, continuationToken, cancellationToken);
                    break;
            }

            return page with { ContinuationToken = Give(page.ContinuationToken) };
        });

    private static SessionQuery WithoutGroup(SessionQuery query) =>
        query is { Hub: { } hub, UserId: { } userId, Group: not null } ? SessionQuery.ForUser(hub, userId) : query;

    private string? Give(string? token)
    {
        if (token is not null)
        {
            _given.Add(token);
        }

        return token;
    }

    private void RefuseToken(string? token)
    {
        switch (flaw)
        {
            case ForgedTokenThrowsWrong when token is not null && !_given.Contains(token):
                throw new FormatException(token);
            case TokensAreOfOneObject when token is not null && !_given.Contains(token):
                throw new ArgumentException("Whose is it?", nameof(token));
        }
    }

    private (List<T> Some, string? Next) Cut<T>(List<T> all, int count, string? token)
    {
        var from = token is null ? 0 : int.Parse(token, CultureInfo.InvariantCulture);
        var some = all.Skip(from).Take(count).ToList();
        var next = flaw == PagesOverlap && count > 1 ? from + count - 1 : from + count;
        return (some, from + count < all.Count ? next.ToString(CultureInfo.InvariantCulture) : null);
    }

    private async Task<List<GroupCount>> SizesAsync(GroupQuery query, CancellationToken cancellationToken)
    {
        var page = await Inner.ListGroupsAsync(query, int.MaxValue, null, cancellationToken);
        switch (flaw)
        {
            case GroupsNeverShrink:
                foreach (var (hub, group) in server.Sizes.Keys.Where(size => size.Hub == query.Hub).ToList())
                {
                    page = page with { Groups = [.. page.Groups.Where(one => one.Group != group || one.Connections >= server.Sizes[(hub, group)])] };
                    if (page.Groups.All(one => one.Group != group))
                    {
                        page = page with { Groups = [.. page.Groups, new() { Group = group, Connections = server.Sizes[(hub, group)] }] };
                    }
                }

                break;
            case CountsRepeats:
                return [.. server.Sizes.Where(size => size.Key.Hub == query.Hub && size.Value > 0).Select(static size => new GroupCount { Group = size.Key.Group, Connections = size.Value })];
            case OrdersGroupsByLetter:
                return [.. page.Groups.OrderBy(static group => group.Group, StringComparer.Ordinal)];
        }

        return [.. page.Groups];
    }

    private async Task RememberSizesAsync(IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken)
    {
        foreach (var hub in changes.Select(static change => change.Hub).Distinct())
        {
            foreach (var size in (await Inner.ListGroupsAsync(GroupQuery.ByName(hub), int.MaxValue, null, cancellationToken)).Groups)
            {
                server.Sizes.AddOrUpdate((hub, size.Group), size.Connections, (_, before) => Math.Max(before, size.Connections));
            }
        }
    }

    private void Tally(IReadOnlyList<SessionChange> changes)
    {
        foreach (var change in changes)
        {
            IEnumerable<string> groups = change.Group is { } group ? [group] : change.Session.Groups;
            foreach (var one in groups)
            {
                server.Sizes.AddOrUpdate((change.Hub, one), 1, (_, size) => size + (change.Kind is Saved or GroupAdded ? 1 : -1));
            }
        }
    }
}

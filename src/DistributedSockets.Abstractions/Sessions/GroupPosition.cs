using System.Globalization;

namespace DistributedSockets;

/// <summary>Where a group stands in the pages of a list: behind all that come before it in the order of the query. For session stores.</summary>
/// <param name="order">The order.</param>
/// <param name="group">The group.</param>
/// <param name="connections">How many connections it has.</param>
public readonly struct GroupPosition(GroupOrder order, string group, long connections) : IComparable<GroupPosition>
{
    private const char Separator = ':';

    /// <summary>The group.</summary>
    public string Group { get; } = group;

    /// <summary>How many connections it has; zero if the order does not ask for it.</summary>
    public long Connections { get; } = order == GroupOrder.Largest ? connections : 0;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <param name="order">The order of the query.</param>
    /// <param name="continuationToken">The text, or <see langword="null"/>.</param>
    /// <returns>The position; <see langword="null"/> for <see langword="null"/>.</returns>
    /// <exception cref="ArgumentException">It is no position.</exception>
    public static GroupPosition? Parse(GroupOrder order, string? continuationToken)
    {
        if (continuationToken is null)
        {
            return null;
        }

        return continuationToken.Split(Separator, 2) is [var number, var group]
            && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var connections)
            ? new(order, group, connections)
            : throw new ArgumentException("This continuation token is no position in a list of groups.", nameof(continuationToken));
    }

    /// <summary>Makes a page of the groups of a hub, for a store that has all of their sizes at hand.</summary>
    /// <param name="sizes">All groups of the hub, with the number of their connections. Groups without connections, or without the prefix, are left out.</param>
    /// <param name="query">Which groups, and in which order.</param>
    /// <param name="maxGroups">How many to list at most, 1 or more.</param>
    /// <param name="continuationToken">What the page before has, or <see langword="null"/>.</param>
    /// <exception cref="ArgumentException">The token is no position.</exception>
    public static GroupPage Page(IReadOnlyDictionary<string, long> sizes, GroupQuery query, int maxGroups, string? continuationToken)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGroups, 1);
        var after = Parse(query.Order, continuationToken);
        List<GroupPosition> positions = [.. sizes
            .Where(size => size.Value > 0 && (query.Prefix is not { } prefix || size.Key.StartsWith(prefix, StringComparison.Ordinal)))
            .Select(size => new GroupPosition(query.Order, size.Key, size.Value))
            .Where(position => after is not { } last || position.CompareTo(last) > 0)
            .Order()
            .Take(maxGroups == int.MaxValue ? maxGroups : maxGroups + 1)];
        var isLast = positions.Count <= maxGroups;
        return new()
        {
            Groups = [.. positions.Take(maxGroups).Select(position => new GroupCount { Group = position.Group, Connections = sizes[position.Group] })],
            ContinuationToken = isLast ? null : positions[maxGroups - 1].ToString(),
        };
    }

    /// <inheritdoc/>
    public int CompareTo(GroupPosition other)
    {
        var order = other.Connections.CompareTo(Connections); // the largest first
        return order != 0 ? order : GroupQuery.NameOrder.Compare(Group, other.Group);
    }

    /// <summary>The position as a continuation token.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Connections}{Separator}{Group}");
}

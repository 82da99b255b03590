namespace DistributedSockets.Tests;

public sealed class SessionChangesTests
{
    private const int Kilobyte = 1_024;

    private readonly List<SessionChange> _taken = [];
    private bool _rewrite;
    private bool _lost;

    [Fact]
    public void Changes_AsManyAsMay_AreKeptInOrder()
    {
        var changes = new SessionChanges(4, 1_000 * Kilobyte);
        changes.Add(Saved("a"));
        changes.Add(Joined("a", "g"));
        changes.Add(Joined("a", "h"));
        changes.Add(Ended("a"));

        Take(changes);

        Assert.False(_rewrite);
        Assert.Equal(["Saved a ", "GroupAdded a g", "GroupAdded a h", "Ended a "], Texts());
        Assert.Equal(0, changes.TakeDroppedEvents());
    }

    [Fact]
    public void Changes_MoreThanMay_AreReplacedByARewriteAndEventsKept()
    {
        var changes = new SessionChanges(4, 1_000 * Kilobyte);
        changes.Add(Saved("a"));
        for (var i = 0; i < 10; i++)
        {
            changes.Add(Joined("a", $"g{i}"));
        }

        changes.Add(Ended("a"));

        Take(changes);

        Assert.True(_rewrite);
        Assert.False(_lost);
        Assert.Equal(["Saved a ", "Ended a "], Texts());
        Assert.Equal(0, changes.TakeDroppedEvents());
    }

    [Fact]
    public void Changes_MoreBytesThanMay_AreReplacedByARewrite()
    {
        var changes = new SessionChanges(1_000, 10 * Kilobyte);
        for (var i = 0; i < 9; i++)
        {
            changes.Add(Joined("a", $"{i}{new string('x', 300)}")); // 762 bytes each, and the thirteenth is too much
        }

        Take(changes);
        Assert.False(_rewrite);

        for (var i = 0; i < 14; i++)
        {
            changes.Add(Joined("a", $"{i}{new string('x', 300)}"));
        }

        Take(changes);
        Assert.True(_rewrite);
        Assert.Empty(_taken);
    }

    [Fact]
    public void Events_MoreBytesThanMay_TheOldestAreDroppedAndCounted()
    {
        var changes = new SessionChanges(1_000, 100 * Kilobyte);
        for (var i = 0; i < 50; i++)
        {
            changes.Add(Ended($"c{i}", groups: 100)); // some 4 KB each
        }

        Take(changes);

        Assert.True(_rewrite);
        Assert.InRange(_taken.Count, 1, 25);
        Assert.Equal(50, _taken.Count + changes.TakeDroppedEvents());
        Assert.Equal("Ended c49 ", Texts()[^1]);
        Assert.Equal(0, changes.TakeDroppedEvents());
    }

    [Fact]
    public void Events_MoreThanMay_TheOldestAreDroppedAndCounted()
    {
        var changes = new SessionChanges(10, 1_000 * Kilobyte);
        for (var i = 0; i < 100; i++)
        {
            changes.Add(Saved($"c{i}"));
        }

        Take(changes);

        Assert.True(_rewrite);
        Assert.InRange(_taken.Count, 5, 10);
        Assert.Equal(100, _taken.Count + changes.TakeDroppedEvents());
        Assert.Equal("Saved c99 ", Texts()[^1]);
    }

    [Fact]
    public void Changes_OfGroupsAfterALoss_AreNotKept()
    {
        var changes = new SessionChanges(1_000, 1_000 * Kilobyte);
        changes.Add(Joined("a", "before"));
        changes.RequestRewrite();
        changes.Add(Joined("a", "after"));
        changes.Add(Ended("a"));

        Take(changes);

        Assert.True(_rewrite);
        Assert.True(_lost);
        Assert.Equal(["Ended a "], Texts());
    }

    private static SessionChange Saved(string id) => new() { Kind = SessionChangeKind.Saved, Session = Session(id, 0) };

    private static SessionChange Ended(string id, int groups = 0) => new() { Kind = SessionChangeKind.Ended, Session = Session(id, groups) };

    private static SessionChange Joined(string id, string group) =>
        new(SessionChangeKind.GroupAdded, "h", id, group, static _ => throw new InvalidOperationException("Nobody needs it here."), "");

    private static Session Session(string id, int groups) => new()
    {
        Hub = "h",
        ConnectionId = id,
        NodeId = "n",
        ConnectedAt = default,
        Groups = [.. Enumerable.Range(0, groups).Select(static i => $"group{i}")],
    };

    private void Take(SessionChanges changes)
    {
        _taken.Clear();
        (_rewrite, _lost) = (false, false);
        changes.Take(_taken, ref _rewrite, ref _lost);
    }

    private string[] Texts() => [.. _taken.Select(static change => $"{change.Kind} {change.ConnectionId} {change.Group}")];
}

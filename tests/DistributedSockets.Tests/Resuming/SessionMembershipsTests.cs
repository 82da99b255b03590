namespace DistributedSockets.Tests;

public sealed class SessionMembershipsTests
{
    [Fact]
    public void Changes_InAnyOrderAndTwice_TakeEffectByTheirOffsets()
    {
        var memberships = new SessionMemberships(["red"], position: 5);
        foreach (var offset in (long[])[40, 10, 30, 20, 30, 10])
        {
            memberships.Note(offset, offset == 10 ? Join("blue") : Leave(offset == 40 ? null : offset == 20 ? "red" : "blue"));
        }

        Assert.Equal([(true, false), (true, true), (false, true), (false, false), (false, false)], ((long[])[9, 10, 20, 30, 45]).Select(offset => (memberships.IsIn("red", offset), memberships.IsIn("blue", offset))));
        Assert.Equal(["blue", "red"], memberships.At(15).Order());
        Assert.Empty(memberships.At(40));
        Assert.Equal(4, memberships.Changes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Join_NamesFillTheRecord_IsRefusedAtThatOffsetAndTheRecordFitsIntoEveryStore(bool isInOrder)
    {
        const int Groups = 1_600;
        var memberships = new SessionMemberships([], position: 0);
        var names = Enumerable.Range(0, Groups).Select(static i => $"{i:D4}{new string('x', 252)}").ToArray();
        foreach (var i in isInOrder ? Enumerable.Range(0, Groups) : Enumerable.Range(0, Groups).Reverse())
        {
            memberships.Note(i + 1, new(WebSocketTargetKind.Connections, "session", names[i], IsJoin: true, MaxGroups: 10_000));
        }

        memberships.Note(Groups + 1, new(WebSocketTargetKind.Connections, "session", names[0], IsJoin: false));
        memberships.Note(Groups + 2, new(WebSocketTargetKind.Connections, "session", names[^1], IsJoin: true, MaxGroups: 10_000));

        var fitting = SessionMemberships.MaxNameBytes / 258;
        Assert.Equal(names[..fitting], memberships.At(Groups).Order(StringComparer.Ordinal));
        Assert.Equal([.. names[1..fitting], names[^1]], memberships.At(Groups + 2).Order(StringComparer.Ordinal)); // there is room again
        memberships.MoveTo(Groups + 2);
        var record = SessionCheckpointFormat.Write(new()
        {
            Owner = new('n', 128),
            Position = new(1, Groups + 2),
            Number = 0,
            TokenDigest = new byte[SessionCheckpoint.DigestBytes],
            UserId = new('u', 256),
            Groups = memberships.AtPosition,
            Properties = Enumerable.Range(0, SessionProperties.MaxCount).ToDictionary(static i => $"{i:D2}".PadLeft(SessionProperties.MaxNameBytes), static _ => new string('v', SessionProperties.MaxValueBytes)),
            HandledIds = [.. Enumerable.Range(0, HandledMessages.Capacity).Select(static i => $"{i}".PadLeft(SessionCheckpoint.MaxMessageIdBytes))],
        });
        Assert.InRange(record.Length, SessionMemberships.MaxNameBytes, ISessionRecordStore.MaxRecordBytes);
    }

    [Fact]
    public void MoveTo_AnOffset_KeepsWhatIsBehindIt()
    {
        var memberships = new SessionMemberships([], position: 0);
        memberships.Note(10, Join("red"));
        memberships.Note(20, Leave("red"));
        memberships.Note(30, Join("blue"));

        memberships.MoveTo(20);
        memberships.Note(10, Join("red")); // known by now

        Assert.Empty(memberships.AtPosition);
        Assert.Equal(1, memberships.Changes);
        Assert.True(memberships.IsIn("blue", 30));
        memberships.MoveTo(100);
        Assert.Equal(["blue"], memberships.AtPosition);
    }

    [Fact]
    public void Join_InAsManyGroupsAsTheEntryAllows_IsRefusedAtThatOffset()
    {
        var memberships = new SessionMemberships(["a"], position: 0);
        memberships.Note(10, Join("b", max: 2));
        memberships.Note(20, Join("c", max: 2)); // no room
        memberships.Note(30, Join("a", max: 2)); // a member
        memberships.Note(40, Leave("b"));
        memberships.Note(50, Join("c", max: 2));

        Assert.Equal(["a", "b"], memberships.At(30).Order());
        Assert.Equal((false, true), (memberships.IsIn("c", 45), memberships.IsIn("c", 50)));

        memberships.MoveTo(45);
        Assert.Equal(["a"], memberships.AtPosition);
        memberships.Note(60, Join("d", max: 2));
        Assert.Equal(["a", "c"], memberships.At(60).Order());
    }

    [Fact]
    public void Join_WhoseRoomDependsOnAnEarlierChange_IsSettledAnewWhenThatBecomesKnown()
    {
        var all = new (long Offset, SessionGroupChange Change)[] { (10, Join("a", max: 1)), (20, Join("b", max: 1)), (30, Leave("a")), (40, Join("c", max: 1)), (50, Leave(null)), (60, Join("d", max: 1)) };
        var random = new Random(4711);
        for (var round = 0; round < 50; round++)
        {
            var memberships = new SessionMemberships([], position: 0);
            foreach (var (offset, change) in all.OrderBy(_ => random.Next()))
            {
                memberships.Note(offset, change);
            }

            Assert.Equal(["a", "a", "", "c", "", "d"], all.Select(entry => string.Concat(memberships.At(entry.Offset))));
        }
    }

    private static SessionGroupChange Join(string group, int max = 100) => new(WebSocketTargetKind.Connections, "s", group, IsJoin: true, max);

    private static SessionGroupChange Leave(string? group) => new(WebSocketTargetKind.Connections, "s", group, IsJoin: false);
}

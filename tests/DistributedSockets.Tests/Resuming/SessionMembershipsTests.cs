namespace DistributedSockets.Tests;

public sealed class SessionMembershipsTests
{
    [Fact]
    public void Changes_InAnyOrderAndTwice_TakeEffectByTheirOffsets()
    {
        var memberships = new SessionMemberships(["red"]);
        foreach (var offset in (long[])[40, 10, 30, 20, 30, 10])
        {
            memberships.Note(offset, offset == 40 ? null : offset == 20 ? "red" : "blue", isJoin: offset is 10);
        }

        Assert.Equal([(true, false), (true, true), (false, true), (false, false), (false, false)], ((long[])[9, 10, 20, 30, 45]).Select(offset => (memberships.IsIn("red", offset), memberships.IsIn("blue", offset))));
        Assert.Equal(["blue", "red"], memberships.At(15).Order());
        Assert.Empty(memberships.At(40));
        Assert.Equal(4, memberships.Changes);
    }

    [Fact]
    public void MoveTo_AnOffset_KeepsWhatIsBehindIt()
    {
        var memberships = new SessionMemberships([]);
        memberships.Note(10, "red", isJoin: true);
        memberships.Note(20, "red", isJoin: false);
        memberships.Note(30, "blue", isJoin: true);

        memberships.MoveTo(20);

        Assert.Empty(memberships.AtPosition);
        Assert.Equal(1, memberships.Changes);
        Assert.True(memberships.IsIn("blue", 30));
        memberships.MoveTo(100);
        Assert.Equal(["blue"], memberships.AtPosition);
    }
}

using System.Runtime.CompilerServices;

namespace DistributedSockets.Tests;

public sealed class MemberSharesTests
{
    [Theory]
    [InlineData(1, 256)]
    [InlineData(256, 256)]
    [InlineData(257, 256)]
    [InlineData(5_000, 256)]
    [InlineData(5_000, 1)]
    [InlineData(5_000, 100_000)]
    public void Take_UntilNothingIsLeft_DealsEachMemberOnce(int members, int most)
    {
        var set = new MemberSet("g");
        var connections = Enumerable.Range(0, members).Select(_ => Add(set)).ToHashSet();

        var shares = new MemberShares(set.Members);
        while (!shares.IsEmpty)
        {
            var share = shares.Take(most);
            Assert.InRange(share.Length, 1, most);
            foreach (ref readonly var slot in share)
            {
                Assert.True(connections.Remove(slot.Connection!), "A member is dealt once.");
            }
        }

        Assert.Empty(connections);
        Assert.True(shares.Take(most).IsEmpty);
    }

    [Fact]
    public void Take_PartsFillMeanwhile_MeetsNobodyTwiceAndAllThatWereThere()
    {
        var set = new MemberSet("g");
        var connections = Enumerable.Range(0, 5_000).Select(_ => Add(set)).ToArray();
        var met = new HashSet<Connection>();

        for (var shares = new MemberShares(set.Members); !shares.IsEmpty;)
        {
            Add(set);
            foreach (ref readonly var slot in shares.Take(100))
            {
                Assert.True(met.Add(slot.Connection!), "A member is dealt once.");
            }
        }

        Assert.Superset(connections.ToHashSet(), met);
    }

    [Fact]
    public void IsEmpty_NoMembers_IsTrue()
    {
        Assert.True(new MemberShares(MemberList.Empty).IsEmpty);
        Assert.True(new MemberShares(new MemberSet("g").Members).IsEmpty);
        Assert.True(default(MemberShares).IsEmpty);
    }

    /// <summary>A connection that nobody uses, as a set does not look at its members.</summary>
    private static Connection Add(MemberSet set)
    {
        var connection = (Connection)RuntimeHelpers.GetUninitializedObject(typeof(Connection));
        Assert.NotNull(set.Add(connection));
        return connection;
    }
}

using System.Runtime.CompilerServices;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

public sealed class MemberSetTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    public void AddAndRead_GroupOfAnySize_CostsOneMembership(int members)
    {
        const int membership = 40;
        var (set, _) = SetOf(members);
        var joiner = Member();
        Read(set.Members);

        var (read, least) = (0, long.MaxValue);
        for (var i = 0; i < 5 && least > membership; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var joined = set.Add(joiner)!; // these sizes are not those at which a set grows
            read = Read(set.Members);
            set.Remove(joined, ended: false);
            read += Read(set.Members);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before); // a collection in between adds to it
        }

        Assert.Equal((2 * members) + 1, read);
        Assert.Equal(membership, least);
    }

    [Fact]
    public void AddAndRead_GroupThatGrows_CostsTheSameForEachMember()
    {
        const int members = 100_000;
        var connections = Enumerable.Range(0, members).Select(static _ => Member()).ToArray();
        var set = new MemberSet("g");
        var (longest, most) = (0, 0L);

        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var connection in connections)
        {
            var each = GC.GetAllocatedBytesForCurrentThread();
            set.Add(connection);
            most = Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - each);
            longest = Math.Max(longest, set.Members.Slots);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(members, longest);
        Assert.InRange(allocated, 0, members * 120L); // an array for each would be 400,000 bytes a member
        Assert.InRange(most, 0, 40_000); // nor is there one who pays for all: a new array of everybody would be 800,000
    }

    [Fact]
    public void AddAndRemove_OverAndOver_CostsNoMoreInALargeGroup()
    {
        var (few, many) = (Cost(10), Cost(100_000));

        Assert.InRange(many, 0, 2 * few);

        static long Cost(int members)
        {
            var (set, _) = SetOf(members);
            var joiner = Member();
            var least = long.MaxValue;
            for (var round = 0; round < 3; round++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var i = 0; i < 10_000; i++)
                {
                    set.Remove(set.Add(joiner)!, ended: false);
                }

                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            return least;
        }
    }

    [Fact]
    public void RemoveAndRead_LargeGroup_CostsTheSameForEachMember()
    {
        const int members = 50_000;
        var (set, joined) = SetOf(members);
        var longest = 0.0;

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < members - 1; i++)
        {
            set.Remove(joined[i].Membership, ended: true);
            longest = Math.Max(longest, (double)set.Members.Slots / set.Count);
        }

        var ended = set.Remove(joined[^1].Membership, ended: true);

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(ended);
        Assert.Empty(set.Members);
        Assert.InRange(longest, 1, 1.25);
        Assert.InRange(allocated, 0, members * 200L);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(3_000)]
    public void Members_LeftAndJoinedAgain_AreThereOnce(int members)
    {
        var (set, joined) = SetOf(members);

        for (var round = 0; round < 100; round++)
        {
            var (connection, membership) = joined[round % 10];
            set.Remove(membership, ended: false);
            Assert.Equal(members - 1, set.Members.Count);
            Assert.DoesNotContain(connection, set.Members);
            joined[round % 10] = (connection, set.Add(connection)!);
            Assert.Equal(members, set.Members.Distinct().Count());
            Assert.Equal(members, set.Members.Count);
            Assert.Equal(members, set.Members.Count());
        }
    }

    [Fact]
    public void Read_MembersOfALargeGroupLeaveAndJoinAgainMeanwhile_NobodyIsMetTwice()
    {
        var (set, joined) = SetOf(3_000);
        var met = new HashSet<Connection>();

        foreach (var member in set.Members)
        {
            Assert.True(met.Add(member), "A member was met twice.");
            if (met.Count % 100 == 0)
            {
                var (connection, membership) = joined.Single(one => one.Connection == member);
                set.Remove(membership, ended: false);
                OnThreads(8, _ => set.Remove(set.Add(connection)!, ended: false)); // by thread they come into different parts
                set.Add(connection);
            }
        }

        Assert.Equal(3_000, met.Count);
    }

    [Fact]
    public void Remove_ConnectionEnded_IsNotHeldAnyMore()
    {
        var (set, joined) = SetOf(10);

        set.Remove(joined[3].Membership, ended: false);
        var kept = Holds(joined[3].Connection);
        set.Remove(joined[4].Membership, ended: true);

        Assert.True(kept); // something may be queued for it that a pass has to write
        Assert.False(Holds(joined[4].Connection));

        bool Holds(Connection connection)
        {
            foreach (var slot in set.Members.Open[0].Slots)
            {
                if (slot.Connection == connection)
                {
                    return true;
                }
            }

            return false;
        }
    }

    [Fact]
    public void Remove_LastMember_EndsTheSetUnlessItIsToStay()
    {
        var (set, stays) = (new MemberSet("ends"), new MemberSet("stays"));

        Assert.False(stays.Remove(stays.Add(Member())!, ended: true, endsSet: false));
        Assert.NotNull(stays.Add(Member()));
        Assert.True(set.Remove(set.Add(Member())!, ended: true));
        Assert.Null(set.Add(Member()));
        Assert.Equal(0, set.Count);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(3_000)]
    public async Task Read_WhileOthersComeAndGo_SeesThoseWhoStayOnce(int members)
    {
        var (set, joined) = SetOf(members);
        var staying = joined.Select(static one => one.Connection).ToHashSet();
        var others = Enumerable.Range(0, members).Select(static _ => Member()).ToArray();
        var done = false;
        var reading = Task.Run(ReadAll, TestContext.Current.CancellationToken);

        for (var round = 0; round < 15_000 / members; round++)
        {
            OnThreads(4, thread =>
            {
                var memberships = others.Where((_, i) => i % 4 == thread).Select(other => set.Add(other)!).ToArray();
                foreach (var membership in memberships)
                {
                    set.Remove(membership, ended: round % 2 == 0);
                }
            });
        }

        Volatile.Write(ref done, true);
        await reading.WithinGuardAsync();
        Assert.Equal(members, set.Count);
        Assert.Equal(staying, set.Members.ToHashSet());
        Assert.InRange(set.Members.Slots, members, 1.25 * members);

        void ReadAll()
        {
            for (var reads = 0; reads == 0 || !Volatile.Read(ref done); reads++)
            {
                var seen = set.Members.Where(staying.Contains).ToArray();
                Assert.Equal(members, seen.Length);
                Assert.Equal(members, seen.Distinct().Count());
            }
        }
    }

    [Fact]
    public void Remove_ReturnsWhileOthersMoveTheMembers_IsInNoListThatIsGotAfterwards()
    {
        var set = new MemberSet("g");
        OnThreads(4, _ =>
        {
            var connections = Enumerable.Range(0, 1_000).Select(static _ => Member()).ToArray();
            for (var round = 0; round < 5; round++)
            {
                var memberships = Array.ConvertAll(connections, connection => set.Add(connection));
                for (var i = 0; i < connections.Length; i++)
                {
                    set.Remove(memberships[i]!, ended: false, endsSet: false);
                    if (i % 100 == 0)
                    {
                        Assert.DoesNotContain(connections[i], set.Members);
                    }
                }
            }
        });

        Assert.Equal(0, set.Count);
        Assert.Empty(set.Members);
        Assert.True(set.Members.Open.Length == 1 && set.Members.Full.IsEmpty, "A set that has become small is one part again.");
    }

    private static (MemberSet Set, (Connection Connection, Membership Membership)[] Joined) SetOf(int members)
    {
        var set = new MemberSet("g");
        var joined = new (Connection, Membership)[members];
        for (var i = 0; i < members; i++)
        {
            var connection = Member();
            joined[i] = (connection, set.Add(connection)!);
        }

        return (set, joined);
    }

    /// <summary>A connection that nobody uses, as a set does not look at its members.</summary>
    private static Connection Member() => (Connection)RuntimeHelpers.GetUninitializedObject(typeof(Connection));

    private static int Read(MemberList members)
    {
        var read = 0;
        foreach (var part in members.Full)
        {
            read += Read(part);
        }

        foreach (var part in members.Open)
        {
            read += Read(part);
        }

        return read;
    }

    private static int Read(MemberPart part)
    {
        var read = 0;
        foreach (ref readonly var slot in part.Slots)
        {
            read += slot is { Membership: not null, Connection: not null } ? 1 : 0;
        }

        return read;
    }

    private static void OnThreads(int count, Action<int> work)
    {
        Exception? failure = null;
        var threads = Enumerable.Range(0, count).Select(number => new Thread(() =>
        {
            try
            {
                work(number);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        })).ToArray();
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Assert.Null(failure);
    }
}

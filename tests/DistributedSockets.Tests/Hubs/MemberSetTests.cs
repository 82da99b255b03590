using System.Runtime.CompilerServices;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

public sealed class MemberSetTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    public void AddAndRead_GroupOfAnySize_CostsNothing(int members)
    {
        var (set, _) = SetOf(members);
        var joiner = Member();
        Read(set.Members);

        var (read, least) = (0, long.MaxValue);
        for (var i = 0; i < 5 && least > 0; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            set.Add(joiner); // these sizes are not those at which a set grows
            read = Read(set.Members);
            set.Remove(joiner, ended: false);
            read += Read(set.Members);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before); // a collection in between adds to it
        }

        Assert.Equal((2 * members) + 1, read);
        Assert.Equal(0, least);
    }

    [Fact]
    public void AddAndRead_GroupThatGrows_CostsTheSameForEachMember()
    {
        const int members = 100_000;
        var connections = Enumerable.Range(0, members).Select(static _ => Member()).ToArray();
        var set = new MemberSet();
        var longest = 0;

        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var connection in connections)
        {
            set.Add(connection);
            longest = Math.Max(longest, set.Members.Slots.Length);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(members, longest);
        Assert.InRange(allocated, 0, members * 200L); // an array for each would be 400,000 bytes a member
    }

    [Fact]
    public void RemoveAndRead_LargeGroup_CostsTheSameForEachMember()
    {
        const int members = 50_000;
        var (set, connections) = SetOf(members);
        var longest = 0.0;

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < members - 1; i++)
        {
            set.Remove(connections[i], ended: true);
            longest = Math.Max(longest, (double)set.Members.Slots.Length / set.Count);
        }

        set.Remove(connections[^1], ended: true);

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Empty(set.Members);
        Assert.Equal(0, set.Members.Slots.Length);
        Assert.InRange(longest, 1, 1.25);
        Assert.InRange(allocated, 0, members * 200L);
    }

    [Fact]
    public void Members_LeftAndJoinedAgain_AreThereOnce()
    {
        var (set, connections) = SetOf(10);

        for (var round = 0; round < 100; round++)
        {
            set.Remove(connections[round % 10], ended: false);
            Assert.Equal(9, set.Members.Count);
            Assert.DoesNotContain(connections[round % 10], set.Members);
            set.Add(connections[round % 10]);
            set.Add(connections[round % 10]);
            Assert.Equal(10, set.Members.Distinct().Count());
            Assert.Equal(10, set.Members.Count);
            Assert.Equal(10, set.Members.Count());
        }
    }

    [Fact]
    public void Remove_ConnectionEnded_IsNotHeldAnyMore()
    {
        var (set, connections) = SetOf(10);

        set.Remove(connections[3], ended: false);
        var kept = set.Members.Slots.Contains(connections[3]);
        set.Remove(connections[4], ended: true);

        Assert.True(kept); // something may be queued for it that a pass has to write
        Assert.False(set.Members.Slots.Contains(connections[4]));
    }

    [Fact]
    public async Task Read_WhileOthersComeAndGo_SeesThoseWhoStayOnce()
    {
        var (set, staying) = SetOf(100);
        var others = Enumerable.Range(0, 100).Select(static _ => Member()).ToArray();
        var done = false;
        var reading = Task.Run(ReadAll, TestContext.Current.CancellationToken);

        for (var round = 0; round < 500; round++)
        {
            foreach (var other in others)
            {
                set.Add(other);
            }

            foreach (var other in others)
            {
                set.Remove(other, ended: round % 2 == 0);
            }
        }

        Volatile.Write(ref done, true);
        await reading.WithinGuardAsync();

        void ReadAll()
        {
            for (var reads = 0; reads == 0 || !Volatile.Read(ref done); reads++)
            {
                Assert.Equal(staying, set.Members.Where(staying.Contains));
            }
        }
    }

    private static (MemberSet Set, Connection[] Connections) SetOf(int members)
    {
        var set = new MemberSet();
        var connections = Enumerable.Range(0, members).Select(static _ => Member()).ToArray();
        foreach (var connection in connections)
        {
            set.Add(connection);
        }

        return (set, connections);
    }

    /// <summary>A connection that nobody uses, as a set does not look at its members.</summary>
    private static Connection Member() => (Connection)RuntimeHelpers.GetUninitializedObject(typeof(Connection));

    private static int Read(MemberList members)
    {
        var read = 0;
        var slots = members.Slots;
        for (var slot = 0; slot < slots.Length; slot++)
        {
            read += slots[slot] is not null && !members.HasLeft(slot) ? 1 : 0;
        }

        return read;
    }
}

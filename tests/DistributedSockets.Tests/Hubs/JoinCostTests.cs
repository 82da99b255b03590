using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What a join allocates, whatever there is already.</summary>
public sealed class JoinCostTests
{
    [Theory]
    [InlineData(10, 10)]
    [InlineData(5_000, 10)]
    [InlineData(10, 5_000)]
    public async Task Join_ConnectionInAnyNumberOfGroupsOfAnySize_AllocatesTheSame(int groups, int members)
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        const long change = 64, membership = 40;
        var changes = new SessionChanges(1_000_000, 1 << 30); // nobody takes them
        var hub = new HubConnections("h", "p", "n", RoutingStrategy.Interest, changes, new());
        var connection = Add();
        for (var i = 0; i < groups; i++)
        {
            hub.AddToGroup(connection, $"g{i}", int.MaxValue);
        }

        for (var i = 0; i < members; i++)
        {
            hub.AddToGroup(Add(), "joined", int.MaxValue);
        }

        string[] others = [.. Enumerable.Range(0, 100).Select(static i => $"other{i}")];
        for (var i = 0; i < 5; i++)
        {
            var member = Add();
            foreach (var other in others)
            {
                hub.AddToGroup(member, other, int.MaxValue); // so that the group is there, and has room for one more
            }
        }

        var allocated = new List<long>();
        hub.AddToGroup(connection, others[0], int.MaxValue);
        foreach (var other in others[1..])
        {
            allocated.Add(Measure(() => hub.AddToGroup(connection, other, int.MaxValue)));
        }

        var least = long.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            hub.RemoveFromGroup(connection, "joined");
            least = Math.Min(least, Measure(() => hub.AddToGroup(connection, "joined", int.MaxValue))); // a collection in between adds to it
        }

        // Tables that have run out of room double now and then; all other joins cost one change and one membership, and nothing else.
        Assert.Equal(change + membership, least);
        Assert.InRange(allocated.Count(static bytes => bytes != change + membership), 0, 3);
        Assert.Equal(members + 1, hub.Group("joined").Count);
        Assert.Equal(groups + 101, HubConnections.GroupsOf(connection).Length);

        Connection Add()
        {
            var added = new Connection(new DefaultHttpContext(), WebSocket.CreateFromStream(Stream.Null, new()), null, "h", null, services);
            hub.Add(added);
            return added;
        }

        static long Measure(Action join)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            join();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}

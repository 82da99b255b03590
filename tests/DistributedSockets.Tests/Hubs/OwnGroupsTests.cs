using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>The groups of one connection, be they few or many.</summary>
public sealed class OwnGroupsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(30)]
    public async Task JoinsAndLeaves_InAnyOrder_LeaveTheGroupsThatWereJoinedLast(int groups)
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var hub = new HubConnections("h", "p", "n", RoutingStrategy.Interest, new SessionChanges(1_000_000, 1 << 30), new());
        var connection = new Connection(new DefaultHttpContext(), WebSocket.CreateFromStream(Stream.Null, new()), null, "h", null, services);
        hub.Add(connection);
        var random = new Random(groups);
        var expected = new HashSet<string>();
        for (var i = 0; i < 1_000; i++)
        {
            var group = $"g{random.Next(groups)}";
            if (random.Next(2) == 0)
            {
                Assert.Equal(expected.Contains(group) ? GroupJoin.WasMember : GroupJoin.Joined, hub.AddToGroup(connection, group, groups));
                expected.Add(group);
            }
            else
            {
                Assert.Equal(expected.Remove(group), hub.RemoveFromGroup(connection, group) is not null);
            }

            Assert.Equal(expected.Order(), HubConnections.GroupsOf(connection).Order());
            Assert.Equal(expected.Count, connection.Groups.Count);
        }

        for (var i = 0; i < groups; i++)
        {
            hub.AddToGroup(connection, $"g{i}", groups);
        }

        Assert.Equal(GroupJoin.TooMany, hub.AddToGroup(connection, "one more", groups));
        Assert.Equal(groups, hub.Remove(connection)!.Length);
        Assert.Equal(0, connection.Groups.Count);
        Assert.True(hub.Group("g0").IsEmpty);
        await connection.DisposeAsync();
    }
}

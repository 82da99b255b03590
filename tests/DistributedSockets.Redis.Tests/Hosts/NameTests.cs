using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>Names that look like patterns or like each other, from one end to the other.</summary>
public sealed class NameTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Send_UsersAndGroupsWithTrickyNames_ReachesOnlyThem()
    {
        var prefix = $"names-{Guid.NewGuid():N}";
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var sender = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await using var node = await RedisNode.StartAsync(redis.EndPoint, prefix);
        var names = TrickyNames.All;
        var clients = new List<NodeClient>();
        try
        {
            // Each name is a user, and the group of the connection before.
            for (var i = 0; i < names.Count; i++)
            {
                clients.Add(await node.ConnectAsync(names[i]));
                await sender.Router.AddToGroupAsync(clients[i].Id, names[(i + 1) % names.Count], cancellationToken);
            }

            for (var i = 0; i < names.Count; i++)
            {
                await sender.Router.SendToUserAsync(names[i], $"user {i}", cancellationToken);
                await sender.Router.SendToGroupAsync(names[i], $"group {i}", cancellationToken);
            }

            await sender.Router.SendToAllAsync("end", cancellationToken);
            for (var i = 0; i < names.Count; i++)
            {
                string[] texts = [await clients[i].ReceiveAsync(), await clients[i].ReceiveAsync(), await clients[i].ReceiveAsync()]; // targets have no order among them
                Assert.Equal(["end", $"group {(i + 1) % names.Count}", $"user {i}"], texts.Order(StringComparer.Ordinal));
            }

            await sender.Router.DisconnectUserAsync("*", cancellationToken: cancellationToken);
            await sender.Router.SendToAllAsync("later", cancellationToken);
            for (var i = 0; i < names.Count; i++)
            {
                var text = await clients[i].ReceiveAsync();
                if (names[i] == "*")
                {
                    Assert.Equal("", text == "later" ? await clients[i].ReceiveAsync() : text);
                }
                else
                {
                    Assert.Equal("later", text); // and nothing that was for others before it
                }
            }
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }
}

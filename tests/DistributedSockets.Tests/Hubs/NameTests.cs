using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>Names that look like patterns or like each other, from one end to the other.</summary>
public sealed class NameTests
{
    [Fact]
    public async Task Send_UsersAndGroupsWithTrickyNames_ReachesOnlyThem()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var cluster = new InMemoryCluster();
        await using var sender = await AppNode.StartAsync(cluster);
        await using var node = await AppNode.StartAsync(cluster);
        var names = TrickyNames.All;
        var clients = new List<TestClient>();
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
                await node.Router.SendToUserAsync(names[i], $"here {i}", cancellationToken);
            }

            for (var i = 0; i < names.Count; i++)
            {
                await sender.Router.SendToConnectionAsync(clients[i].Id, "end", cancellationToken);
                var texts = new SortedSet<string>(StringComparer.Ordinal);
                string text;
                while ((text = await clients[i].ReceiveTextAsync()) != "end")
                {
                    Assert.True(texts.Add(text), $"'{text}' came twice.");
                }

                Assert.Equal([$"group {(i + 1) % names.Count}", $"here {i}", $"user {i}"], texts);
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

using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>A session whose connection is ending.</summary>
public sealed class EndingSessionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Client_GoneWhileItsHandlerHasYetToReturn_GetsWhatCameMeanwhileWhenItIsBack()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var node = await AppNode.StartAsync(
            options: static options =>
            {
                (options.EnableResume, options.LogAll, options.LogUsers) = (true, true, true);
                options.KeepAliveTimeout = TimeSpan.FromMinutes(5); // the clock goes faster than the clients answer
            },
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        await using var client = await SessionClient.ConnectAsync(node);
        await using var other = await SessionClient.ConnectAsync(node);
        var mayReturn = new TaskCompletionSource();
        node.Probe.OnDisconnected = (connection, _) => connection.Id == client.Id ? new(mayReturn.Task) : ValueTask.CompletedTask;

        await Eventually.TrueAsync(() => node.Hub.Sessions.Find(client.Id) is { Connection.Queue.IsBehind: false }, "the session is live");

        client.Vanish();
        await Eventually.TrueAsync(() => node.Hub.Find(client.Id) is null, "the connection is none of the hub's any more");
        await node.Router.SendToAllAsync("meanwhile", Cancellation);
        Assert.Equal("1 meanwhile", await other.NextAsync());
        await other.AcknowledgeAsync();
        for (var i = 0; i < 2; i++) // so that between the two each session has been looked after
        {
            var sent = await node.Router.SendAsync(WebSocketTarget.User("nobody"), "to nobody", new SendOptions { TimeToLive = TimeSpan.FromMinutes(1) }, cancellationToken: Cancellation);
            await Eventually.TrueAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromMilliseconds(100));
                    return node.Hub.Sessions.Find(other.Id)!.Numbers.Acknowledged.Offset == sent.Position!.Value.Offset;
                },
                "sessions have been looked after");
        }

        mayReturn.SetResult();
        await using var again = await SessionClient.ConnectAsync(node, client);

        Assert.Equal(client.Id, again.Id);
        Assert.Equal("1 meanwhile", await again.NextAsync());
    }
}

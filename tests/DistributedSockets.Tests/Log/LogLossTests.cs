using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Who is told, and of what, where a log has lost what it had given out, or could be heard only late.</summary>
public sealed class LogLossTests : IAsyncLifetime
{
    private const string Hub = "probe";

    private readonly FakeLogServer _server = new();
    private readonly LossObserver _losses = new();
    private FakeMessageLog _log = null!; // set by InitializeAsync
    private AppNode _node = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _log = new(_server);
        _node = await StartAsync(_log, _losses);
    }

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task Lost_WhatWasAnsweredToANodeThatDoesNotListen_IsToldToThoseWhoHadNotReceivedIt()
    {
        var deaf = new FakeMessageLog(_server) { SubscribeFailure = new MessageLogUnavailableException("cut") };
        await using var worker = await StartAsync(deaf, new());
        await using var client = await _node.ConnectAsync();
        await SendAsync(worker, "1");
        Assert.Equal("1", await client.ReceiveTextAsync());
        _log.HandOver = static (_, _, _) => { };
        _log.ReadFailure = new MessageLogUnavailableException("cut");
        var before = DateTimeOffset.UtcNow;
        await SendAsync(worker, "2", "3");

        _server.LoseBehind(Hub, 1);
        await SendAsync(worker, "4");
        await Eventually.TrueAsync(() => _server.End(Hub).Offset == 1_000_002, "the gap has been appended");
        (_log.ReadFailure, _log.HandOver) = (null, _log.PassOn);

        Assert.Equal("4", await client.ReceiveTextAsync());
        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss has been told");
        var loss = Assert.Single(_losses.Seen);
        Assert.Equal(PossibleLossCause.MessageLog, loss.Cause);
        Assert.Contains("entries up to 3", loss.Description);
        Assert.True(loss.From <= before && loss.To >= before, $"It was lost at {before:O}, and told from {loss.From:O} to {loss.To:O}.");
    }

    [Fact]
    public async Task Lost_AllThatTheLogHeld_IsToldFromTheLastMomentOfWhichNothingIsMissing()
    {
        await SendAsync(_node, "1");
        var before = DateTimeOffset.UtcNow;
        await Eventually.TrueAsync(() => _node.Services.GetRequiredService<HubLogs>().LaneOf(_node.Hub)?.Position.Offset == 1, "the lane has it");

        _server.BeginAnew();
        await SendAsync(_node, "2");

        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss has been told");
        var loss = Assert.Single(_losses.Seen);
        Assert.True(loss.From >= before - TimeSpan.FromMinutes(1) && loss.From < loss.To, $"It was told from {loss.From:O} to {loss.To:O}.");
    }

    [Fact]
    public async Task Subscribed_OnlyWhenThereWereConnectionsAlready_IsToldOnce_AndWhatFollowsArrives()
    {
        var (late, losses) = (new FakeMessageLog(_server) { SubscribeFailure = new MessageLogUnavailableException("cut") }, new LossObserver());
        await using var node = await StartAsync(late, losses);
        late.Receiver.OnUnavailable(null); // nobody waits for what is known to be away
        await using var client = await node.ConnectAsync();
        var connected = DateTimeOffset.UtcNow;
        await SendAsync(_node, "1");

        late.SubscribeFailure = null;
        late.Receiver.OnAvailable();
        await Eventually.TrueAsync(() => !losses.Seen.IsEmpty, "the loss has been told");
        await SendAsync(_node, "2");

        Assert.Equal("2", await client.ReceiveTextAsync());
        var loss = Assert.Single(losses.Seen);
        Assert.Equal(PossibleLossCause.MessageLog, loss.Cause);
        Assert.Contains("only late", loss.Description);
        Assert.True(loss.From <= connected, $"It is told from {loss.From:O} on, and the client came at {connected:O}.");
        Assert.Empty(_losses.Seen);
    }

    private static Task<AppNode> StartAsync(FakeMessageLog log, LossObserver losses) => AppNode.StartAsync(
        options: static options => (options.LogAll, options.HeartbeatInterval) = (true, TimeSpan.FromMilliseconds(100)),
        build: sockets =>
        {
            sockets.UseMessageLog(_ => log);
            sockets.Services.AddSingleton<IClusterObserver>(losses);
        });

    private static async Task SendAsync(AppNode node, params string[] texts)
    {
        foreach (var text in texts)
        {
            await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text(text), default(SendOptions), Cancellation);
        }
    }
}

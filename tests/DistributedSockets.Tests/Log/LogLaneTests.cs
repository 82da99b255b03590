using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What the lane of a hub's log makes of a log that drops, repeats and reorders what it hands over, goes away, and loses what it held.</summary>
public sealed class LogLaneTests : IAsyncLifetime
{
    private const string Hub = "probe";

    private readonly FakeLogServer _server = new();
    private readonly LossObserver _losses = new();
    private FakeMessageLog _log = null!; // set by InitializeAsync
    private AppNode _node = null!; // set by InitializeAsync
    private TestClient _client = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private LogLane Lane => _node.Services.GetRequiredService<HubLogs>().LaneOf(_node.Hub)!; // the hub has a log

    public async ValueTask InitializeAsync()
    {
        _log = new(_server);
        _node = await StartAsync(_log, _losses);
        _client = await _node.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task HandOver_Dropped_IsReadWhenTheNextComes()
    {
        _log.HandOver = static (_, _, _) => { };
        await SendAsync(1, 2);
        _log.HandOver = _log.PassOn;

        await SendAsync(3);

        await AssertReceivedAsync(1, 2, 3);
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public async Task HandOver_LastOneDropped_IsReadAtAHeartbeat()
    {
        _log.HandOver = static (_, _, _) => { };

        await SendAsync(1);

        await AssertReceivedAsync(1);
    }

    [Fact]
    public async Task HandOver_DroppedRepeatedAndReordered_EachArrivesOnceInOrder()
    {
        const int Messages = 2_000;
        var random = new Random(19);
        (string Hub, long Epoch, LogEntry Entry)? held = null;
        _log.HandOver = (hub, epoch, entry) =>
        {
            switch (random.Next(10))
            {
                case 0:
                    break;
                case 1:
                    _log.PassOn(hub, epoch, entry);
                    _log.PassOn(hub, epoch, entry);
                    break;
                case 2 when held is null:
                    held = (hub, epoch, entry);
                    break;
                default:
                    _log.PassOn(hub, epoch, entry);
                    if (held is { } late)
                    {
                        _log.PassOn(late.Hub, late.Epoch, late.Entry);
                        held = null;
                    }

                    break;
            }
        };

        await SendAsync([.. Enumerable.Range(0, Messages)]);

        await AssertReceivedAsync([.. Enumerable.Range(0, Messages)]);
        Assert.Empty(_losses.Seen);
        await AssertIsAtAsync(_server.End(Hub));
    }

    [Fact]
    public async Task Lane_Full_ForgetsItsTailAndReadsIt()
    {
        _log.ReadGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _log.HandOver = static (_, _, _) => { };
        await SendAsync(0);
        _log.HandOver = _log.PassOn;
        await SendAsync([.. Enumerable.Range(1, 200)]); // behind a hole, which cannot be read yet

        Assert.Equal(16, Lane.Waiting);
        _log.ReadGate.SetResult();

        await AssertReceivedAsync([.. Enumerable.Range(0, 201)]);
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public async Task Log_Away_IsReadOnWhenItIsBack()
    {
        _log.ReadFailure = new MessageLogUnavailableException("cut");
        _log.HandOver = static (_, _, _) => { };
        await SendAsync(1, 2);
        await Eventually.TrueAsync(() => _log.Reads > 0, "the lane has tried to read");

        _log.ReadFailure = null;
        _log.HandOver = _log.PassOn;
        _log.Receiver.OnAvailable();
        await SendAsync(3);

        await AssertReceivedAsync(1, 2, 3);
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public async Task Log_BegunAnew_GoesOnInTheNewEpochAndTellsOfItOnce()
    {
        await SendAsync(1, 2);
        await AssertReceivedAsync(1, 2);

        _server.BeginAnew();
        await SendAsync(3, 4);

        await AssertReceivedAsync(3, 4);
        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss has been told");
        var loss = Assert.Single(_losses.Seen);
        Assert.Equal(PossibleLossCause.MessageLog, loss.Cause);
        Assert.Contains("begun anew", loss.Description);
        await AssertIsAtAsync(new(8, 3));
    }

    [Fact]
    public async Task Log_BegunAnewAndItsFirstEntriesDropped_ReadsThem()
    {
        await SendAsync(1);
        await AssertReceivedAsync(1);
        _server.BeginAnew();
        _log.HandOver = static (_, _, _) => { };
        await SendAsync(2, 3);
        _log.HandOver = _log.PassOn;

        await SendAsync(4);

        await AssertReceivedAsync(2, 3, 4);
    }

    [Fact]
    public async Task Hole_WhoseEntriesWereRemoved_IsToldOnce()
    {
        await SendAsync(1);
        await AssertReceivedAsync(1);
        _log.ReadGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _log.HandOver = static (_, _, _) => { };
        await SendAsync(2, 3, 4);
        _server.RemoveUpTo(Hub, 4); // the first is followed by the word that ends the check
        _log.HandOver = _log.PassOn;
        await SendAsync(5);
        _log.ReadGate.SetResult();

        await AssertReceivedAsync(4, 5);
        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss has been told");
        Assert.Contains("had removed entries up to 4", Assert.Single(_losses.Seen).Description);
    }

    [Fact]
    public async Task Log_ThatLostWhatItHadHandedOver_GoesOnBehindTheJumpAndTellsThoseWhoHadNotReceivedIt()
    {
        var losses = new LossObserver();
        var log = new FakeMessageLog(_server);
        await using var slow = await StartAsync(log, losses);
        await using var client = await slow.ConnectAsync();
        log.ReadFailure = new MessageLogUnavailableException("cut");
        log.HandOver = static (_, _, _) => { };
        await SendAsync(1, 2, 3);
        await AssertReceivedAsync(1, 2, 3);

        _server.LoseBehind(Hub, 1);
        await SendAsync(4, 5);
        (log.ReadFailure, log.HandOver) = (null, log.PassOn);

        await AssertReceivedAsync(4, 5);
        foreach (var text in new[] { "1", "4", "5" })
        {
            Assert.Equal(text, await client.ReceiveTextAsync());
        }

        await Eventually.TrueAsync(() => !losses.Seen.IsEmpty, "the loss has been told");
        var loss = Assert.Single(losses.Seen);
        Assert.Contains("entries up to 4", loss.Description); // the word that ended the check is the fourth
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public async Task Log_ThatLostWhatItHadHandedOver_IsToldOfAlsoIfNothingIsAppended()
    {
        await SendAsync(1, 2);
        await AssertReceivedAsync(1, 2);

        _server.LoseBehind(Hub, 1);

        await Eventually.TrueAsync(() => _server.End(Hub).Offset > 1, "the gap has been appended");
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public async Task Entry_ThatIsNoEnvelope_IsPassedOver()
    {
        _server.Append(Hub, new() { Targets = [LogTarget.All], Payload = "nonsense"u8.ToArray() });

        await SendAsync(1);

        await AssertReceivedAsync(1);
        await AssertIsAtAsync(new(7, 3));
        await Eventually.TrueAsync(() => _losses.Seen.Any(static loss => loss.Cause == PossibleLossCause.UnreadableEnvelope), "the entry has been told of");
    }

    [Fact]
    public async Task Node_ThatStops_IsNotSubscribedAnyMore()
    {
        Assert.True(_log.IsSubscribed(Hub));

        await _node.StopAsync();

        Assert.False(_log.IsSubscribed(Hub));
    }

    private static Task<AppNode> StartAsync(FakeMessageLog log, LossObserver losses) => AppNode.StartAsync(
        options: static options => (options.LogAll, options.LaneCapacity, options.HeartbeatInterval) = (true, 16, TimeSpan.FromMilliseconds(100)),
        build: sockets =>
        {
            sockets.UseMessageLog(_ => log);
            sockets.Services.AddSingleton<IClusterObserver>(losses);
        });

    private async Task SendAsync(params int[] numbers)
    {
        foreach (var number in numbers)
        {
            var result = await _node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text($"{number}"), default(SendOptions), Cancellation);
            Assert.NotNull(result.Position);
        }
    }

    private Task AssertIsAtAsync(LogPosition position) => Eventually.TrueAsync(() => Lane.Position == position, $"the lane is at {position}");

    private async Task AssertReceivedAsync(params int[] numbers)
    {
        foreach (var number in numbers)
        {
            Assert.Equal($"{number}", await _client.ReceiveTextAsync());
        }

        // Nothing comes twice: the next one is the last word.
        await _node.Router.SendAsync(WebSocketTarget.Connection(_client.Id), WebSocketMessage.Text("end"), new() { IsLogged = true }, Cancellation);
        Assert.Equal("end", await _client.ReceiveTextAsync());
    }
}

using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Commands to another node, and whose answers are believed.</summary>
public sealed class RemoteCommandTests : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
    private readonly FakeBackplane _backplane;
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync

    public RemoteCommandTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _here = await AppNode.StartAsync(_cluster, build: sockets => sockets.Services.AddSingleton<IBackplane>(_backplane));
        _there = await AppNode.StartAsync(_cluster);
    }

    public async ValueTask DisposeAsync()
    {
        await _here.DisposeAsync();
        await _there.DisposeAsync();
    }

    [Fact]
    public async Task Reply_NotFromTheNodeAskedOrForAnotherIdOrHub_IsPassedOver()
    {
        await using var client = await _there.ConnectAsync();
        _backplane.Swallow = _backplane.Records = true;
        var join = _here.Router.AddToGroupAsync(client.Id, "g", Cancellation).AsTask();
        await Eventually.TrueAsync(() => RequestIds().Count == 1, "the command was published");
        var id = RequestIds().Single();
        var asked = new EnvelopeWriter(_there.Services.GetRequiredService<NodeInfo>().NodeId);
        var other = _here.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("other");

        Deliver(new EnvelopeWriter("evil-aaaaaaaaaa"), id, _here.Hub.OwnChannel);
        Deliver(asked, Guid.NewGuid(), _here.Hub.OwnChannel);
        Deliver(asked, id, _here.Services.GetRequiredService<Hubs>().Get(other.Hub).OwnChannel);
        await PassLanesAsync();
        Assert.False(join.IsCompleted);

        Deliver(asked, id, _here.Hub.OwnChannel);
        await join.WithinGuardAsync();

        void Deliver(EnvelopeWriter writer, Guid requestId, string channel) => _backplane.Receiver.OnReceived(
            channel, writer.WriteReply(requestId, RemoteCommandOutcome.Done, out var length).AsMemory(0, length));
    }

    [Fact]
    public async Task Command_ManyOfThem_HaveIdsThatTellNothingOfEachOther()
    {
        await using var client = await _there.ConnectAsync();
        _backplane.Records = true;
        for (var i = 0; i < 100; i++)
        {
            await _here.Router.AddToGroupAsync(client.Id, $"g{i}", Cancellation);
        }

        var ids = RequestIds();
        Assert.Equal(100, ids.Distinct().Count());

        // Each of the 128 bits is set in some and not in others.
        var bytes = ids.ConvertAll(static id => id.ToByteArray());
        Assert.All(Enumerable.Range(0, 128), bit => Assert.Equal(2, bytes.Select(id => id[bit / 8] >> (bit % 8) & 1).Distinct().Count()));
    }

    [Fact]
    public async Task Command_FailsUnexpectedlyAtItsNode_IsLoggedThereAndTimesOut()
    {
        var cluster = new InMemoryCluster();
        var time = new FakeTimeProvider();
        var key = TestKeys.Create();
        await using var here = await AppNode.StartAsync(cluster, Seals, sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        var usedUp = new EnvelopeSealer(EnvelopeKey.TryParse(key), new byte[SealedEnvelope.SenderIdBytes], long.MaxValue, time);
        await using var there = await AppNode.StartAsync(
            cluster, Seals, sockets => sockets.Services.AddSingleton<TimeProvider>(time).Replace(ServiceDescriptor.Singleton(usedUp)));
        await using var client = await there.ConnectAsync();

        var join = here.Router.AddToGroupAsync(client.Id, "red", Cancellation).AsTask();

        await Eventually.TrueAsync(() => there.Logs.GetSnapshot().Any(static entry => entry.Id.Id == 122), "the failure is logged");
        var entry = there.Logs.GetSnapshot().Single(static entry => entry.Id.Id == 122);
        Assert.IsType<InvalidOperationException>(entry.Exception);
        Assert.Contains(here.Services.GetRequiredService<NodeInfo>().NodeId, entry.Message);
        Assert.False(join.IsCompleted);
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(5)); // more than once, as the wait may just be about to begin
                return join.IsCompleted;
            },
            "it gives up");
        await Assert.ThrowsAsync<RemoteCommandTimeoutException>(() => join.WithinGuardAsync());

        void Seals(DistributedWebSocketsOptions options) => options.EnvelopeKeys.Add(key);
    }

    [Fact]
    public async Task Stop_CommandInWork_IsWaitedFor()
    {
        var gate = _backplane.SubscribeGate = new();
        await using var client = await ConnectHereAsync(gate);
        _backplane.SubscribeGate = gate = new();
        var join = _there.Router.AddToGroupAsync(client.Id, "g", Cancellation).AsTask();
        await Eventually.TrueAsync(() => _backplane.Count($"subscribe {_here.Hub.GroupChannel("g")}") == 1, "the join is in work");

        var stop = _here.Services.GetRequiredService<ForeignCommands>().StopAsync(Cancellation);
        Assert.False(stop.IsCompleted);
        gate.SetResult();

        await stop.WithinGuardAsync();
        await join.WithinGuardAsync();
    }

    private async Task<TestClient> ConnectHereAsync(TaskCompletionSource gate)
    {
        gate.SetResult();
        return await _here.ConnectAsync();
    }

    /// <summary>The ids of the joins that were published.</summary>
    private List<Guid> RequestIds()
    {
        var ids = new List<Guid>();
        foreach (var (_, payload) in _backplane.Published)
        {
            if (Envelope.Read(payload, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && envelope.Kind == EnvelopeKind.Command
                && envelope.Body().TryReadCommand(out var id, out var command) && command.Kind == RemoteCommandKind.AddToGroup)
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    /// <summary>Waits until the lanes have delivered what they were given before.</summary>
    private async Task PassLanesAsync()
    {
        await using var probe = await _here.ConnectAsync("fence");
        foreach (var origin in (string[])["evil-aaaaaaaaaa", _there.Services.GetRequiredService<NodeInfo>().NodeId])
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text(origin));
            var envelope = new EnvelopeWriter(origin).WriteFrame(WebSocketTargetKind.Users, ["fence"], [], Guid.Empty, frame, out var length);
            _backplane.Receiver.OnReceived(_here.Hub.UserChannel("fence"), envelope.AsMemory(0, length));
            Assert.Equal(origin, await probe.ReceiveTextAsync());
        }
    }
}

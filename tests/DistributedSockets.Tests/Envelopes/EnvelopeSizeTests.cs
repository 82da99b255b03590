using System.Buffers.Binary;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace DistributedSockets.Tests;

/// <summary>The limit on the size of an envelope: the same for every send through a router, wherever the receivers are.</summary>
public sealed class EnvelopeSizeTests : IAsyncLifetime
{
    private const int Limit = 65_536;

    private readonly InMemoryCluster _cluster = new();
    private readonly LossObserver _losses = new();
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync
    private FakeBackplane _backplane = null!; // set by InitializeAsync
    private TestClient _near = null!; // set by InitializeAsync
    private TestClient _far = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        (_here, _backplane) = await StartAsync();
        (_there, _) = await StartAsync();
        _near = await _here.ConnectAsync("alice");
        _far = await _there.ConnectAsync("alice");
        foreach (var client in new[] { _near, _far })
        {
            await _here.Router.AddToGroupAsync(client.Id, "red", Cancellation);
            await _here.Router.AddToGroupAsync(client.Id, "reddish", Cancellation);
        }

        _backplane.Records = true;
    }

    public async ValueTask DisposeAsync()
    {
        await _near.DisposeAsync();
        await _far.DisposeAsync();
        await _here.DisposeAsync();
        await _there.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData("all")]
    [InlineData("all but one")]
    [InlineData("user")]
    [InlineData("users")]
    [InlineData("group")]
    [InlineData("groups")]
    [InlineData("connections")]
    public async Task Send_AsLargeAsMayBe_ArrivesAndOneByteMoreReachesNobody(string kind)
    {
        const string Stranger = "stranger.AAAAAAAAAAAAAAAAAAAAAA";
        var (target, names) = kind switch
        {
            "all" => (WebSocketTarget.All, 0),
            "all but one" => (WebSocketTarget.All, 2 + Stranger.Length),
            "user" => (WebSocketTarget.User("alice"), 2 + 5),
            "users" => (WebSocketTarget.Users(["alice", "bob", "nobody"]), 2 + 6),
            "group" => (WebSocketTarget.Group("red"), 2 + 3),
            "groups" => (WebSocketTarget.Groups(["red", "reddish"]), 2 + 7),
            _ => (WebSocketTarget.Connections([_near.Id, _far.Id]), 2 + _far.Id.Length),
        };

        // Version, form, kind, flags, length of the origin; the origin; length of the extensions; kind of target, message id and two counts; a header of 4 bytes.
        var largest = new byte[Limit - 5 - NodeId(_here).Length - 23 - names - 4];
        var options = kind == "all but one" ? new SendOptions { ExcludedConnectionIds = [Stranger] } : default;
        await _here.Router.SendAsync(target, WebSocketMessage.Binary(largest), options, Cancellation);
        Assert.Equal(largest.Length, (await _near.ReceiveAsync()).Data.Length);
        Assert.Equal(largest.Length, (await _far.ReceiveAsync()).Data.Length);
        Assert.Equal(Limit, _backplane.Published.Max(published => published.Payload.Length));
        _backplane.Published.Clear();

        var exception = await Assert.ThrowsAsync<ArgumentException>(
            async () => await _here.Router.SendAsync(target, WebSocketMessage.Binary(new byte[largest.Length + 1]), options, Cancellation));

        Assert.Contains("MaxEnvelopeBytes", exception.Message);
        Assert.Empty(_backplane.Published);
        await _here.Router.SendToAllAsync("next", Cancellation);
        Assert.Equal("next", await _near.ReceiveTextAsync());
        Assert.Equal("next", await _far.ReceiveTextAsync());
    }

    [Fact]
    public async Task Send_TooLargeToConnectionsOfThisNodeOnly_IsRefusedAllTheSame()
    {
        await Assert.ThrowsAsync<ArgumentException>(async () => await _here.Router.SendToConnectionAsync(_near.Id, new byte[Limit], Cancellation));

        await _here.Router.SendToConnectionAsync(_near.Id, "next", Cancellation);
        Assert.Equal("next", await _near.ReceiveTextAsync());
    }

    [Fact]
    public async Task SendOfAHandler_ToItsOwnConnection_IsNotLimited()
    {
        _here.Probe.OnMessage = static (connection, _, token) => connection.SendAsync(WebSocketMessage.Binary(new byte[2 * Limit]), token);

        await _near.SendAsync("go");

        Assert.Equal(2 * Limit, (await _near.ReceiveAsync()).Data.Length);
    }

    [Fact]
    public async Task SendToConnections_MoreIdsThanFit_AreSpreadOverEnvelopes()
    {
        string[] ids = [.. Enumerable.Range(0, 3_000).Select(i => $"{NodeId(_there)}.{i:D22}"), _far.Id];

        await _here.Router.SendAsync(WebSocketTarget.Connections(ids), new byte[30_000], Cancellation);

        Assert.Equal(30_000, (await _far.ReceiveAsync()).Data.Length);
        var published = _backplane.Published.ToArray();
        Assert.InRange(published.Length, 2, 20);
        Assert.All(published, envelope => Assert.InRange(envelope.Payload.Length, 1, Limit));
        Assert.Equal(ids.Length, published.Sum(envelope => BinaryPrimitives.ReadUInt16LittleEndian(envelope.Payload.AsSpan(5 + NodeId(_here).Length + 19))));
    }

    [Theory]
    [InlineData(32_000, true)]
    [InlineData(33_000, false)]
    public async Task Send_WhereItMightNotFitCompressedAsWell_IsSentPlain(int length, bool compressed)
    {
        var (node, backplane) = await StartAsync(options => options.EnableCompression = true);
        await using var _ = node;
        backplane.Records = true;

        await node.Router.SendToUserAsync("alice", new string('x', length), Cancellation);

        Assert.Equal(length, (await _far.ReceiveTextAsync()).Length);
        Assert.Equal(compressed, Assert.Single(backplane.Published).Payload[EnvelopeWriter.FlagsAt] == EnvelopeWriter.DeflatedFlag);
    }

    [Fact]
    public async Task Envelope_LargerThanAllowed_IsDroppedCountedAndReported()
    {
        using var dropped = new MetricCollector<long>(
            _there.Services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(), "DistributedSockets", "distributed_sockets.backplane.dropped_envelopes");
        var (node, _) = await StartAsync(options => options.MaxEnvelopeBytes = 2 * Limit);
        await using var __ = node;

        await node.Router.SendToAllAsync(new byte[Limit], Cancellation);
        await node.Router.SendToAllAsync("next", Cancellation);

        Assert.Equal("next", await _far.ReceiveTextAsync());
        Assert.Equal("too_large", Assert.Single(dropped.GetMeasurementSnapshot()).Tags["distributed_sockets.drop_reason"]);
        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss is reported");
        Assert.All(_losses.Seen, loss => Assert.Equal(PossibleLossCause.UnreadableEnvelope, loss.Cause));
        Assert.All(_losses.Seen, loss => Assert.Contains("MaxEnvelopeBytes", loss.Description));
    }

    private static string NodeId(AppNode node) => node.Services.GetRequiredService<NodeInfo>().NodeId;

    private async Task<(AppNode Node, FakeBackplane Backplane)> StartAsync(Action<DistributedWebSocketsOptions>? configure = null)
    {
        var backplane = new FakeBackplane(_cluster);
        var node = await AppNode.StartAsync(
            _cluster,
            options =>
            {
                options.MaxEnvelopeBytes = Limit;
                configure?.Invoke(options);
            },
            sockets =>
            {
                sockets.UseBackplane(_ => backplane);
                sockets.Services.AddSingleton<IClusterObserver>(_losses);
            });
        return (node, backplane);
    }
}

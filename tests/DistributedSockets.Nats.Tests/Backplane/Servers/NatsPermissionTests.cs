using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>Servers that forbid something, to the backplane or to others.</summary>
public sealed class NatsPermissionTests : IAsyncLifetime
{
    private const string Prefix = "shop";
    private const string Allowed = $"{Prefix}:v1:chat:group:red";
    private const string Forbidden = $"{Prefix}:v1:chat:group:blue";
    private const string ForbiddenSubject = "shop.v1.chat.group.blue";
    private const string All = "publish: \">\", subscribe: \">\"";
    private const string NoBlueSubscription = $$"""publish: ">", subscribe: { deny: ["{{ForbiddenSubject}}"] }""";
    private const string NoBluePublish = $$"""publish: { deny: ["{{ForbiddenSubject}}"] }, subscribe: ">" """;

    private readonly NatsServer _server = new();
    private readonly FakeLogger<NatsBackplane> _logger = new();
    private string _cluster = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task User_OfThePage_NothingIsRefusedLoggedOrReported()
    {
        await StartServerAsync(NatsPage.Permissions().Trim('{', '}'));
        await using var node = await StartNodeAsync(new NatsOpts { LoggerFactory = new OneLoggerFactory(_logger) });
        await using var other = await StartNodeAsync(new NatsOpts { LoggerFactory = new OneLoggerFactory(_logger) });
        await node.SubscribeAsync(Allowed, Forbidden);

        await other.PublishAsync(Allowed, "hello");
        await other.PublishAsync(Forbidden, new byte[3 * 1024 * 1024]);

        await node.Received.WaitForAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Forbidden, 1);
        await node.UnsubscribeAsync(Allowed);
        Assert.Empty(node.Received.Reports);
        Assert.Empty(other.Received.Reports);
        AssertNothingLogged();
    }

    [Fact]
    public async Task Subscribe_Forbidden_ThrowsTheWordsAndOthersWork()
    {
        await StartServerAsync(NoBlueSubscription);
        await using var node = await StartNodeAsync();

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));
        await node.SubscribeAsync(Allowed);
        await node.PublishAsync(Allowed, "hello");

        Assert.Contains($"Permissions Violation for Subscription to \"{ForbiddenSubject}\"", refusal.Message);
        await node.Received.WaitForAsync(Allowed, "hello");
        Assert.Empty(node.Received.Reports);
        AssertNothingLogged();
    }

    [Fact]
    public async Task Subscribe_ForbiddenAndThenAllowed_Works()
    {
        await StartServerAsync(NoBlueSubscription);
        await using var node = await StartNodeAsync();
        await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));

        await ReloadAsync(All);
        await Eventually.TrueAsync(() => TrySubscribeAsync(node), "the channel can be subscribed");
        await node.PublishAsync(Forbidden, "hello");

        Assert.Equal(["hello"], await node.Received.WaitForAsync(Forbidden, "hello"));
    }

    [Fact]
    public async Task Subscribed_ThenForbidden_IsReportedAndOthersGoOn()
    {
        await StartServerAsync(All);
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(Allowed, Forbidden);

        await ReloadAsync(NoBlueSubscription);
        await node.Received.WaitForReportAsync("refused");

        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");
        await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));
        Assert.DoesNotContain("unavailable", node.Received.Reports);
    }

    [Fact]
    public async Task Subscribed_ForbiddenAfterAnOutage_IsReportedAndOthersAreBack()
    {
        await StartServerAsync(All);
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(Allowed, Forbidden);

        await _server.StopAsync();
        Configure(NoBlueSubscription);
        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");
        await node.Received.WaitForReportAsync("refused");

        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");
    }

    [Fact]
    public async Task Publish_Forbidden_IsReportedAndThrowsTheWordsUntilItIsAllowed()
    {
        await StartServerAsync(NoBluePublish);
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(Allowed, Forbidden);

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.PublishAsync(Forbidden, "refused"));
        await node.PublishAsync(Allowed, "hello");

        Assert.Contains($"Permissions Violation for Publish to \"{ForbiddenSubject}\"", refusal.Message);
        Assert.Contains(_logger.Collector.GetSnapshot(), static entry => entry.Id.Id == 1109);
        await node.Received.WaitForAsync(Allowed, "hello");
        await ReloadAsync(All);
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => node.PublishAsync(Forbidden, "allowed")) is null, "the publish is allowed");
        await node.Received.WaitForAsync(Forbidden, "allowed");
        await node.PublishAsync(Forbidden, "again");
        Assert.Equal(["allowed", "again"], await node.Received.WaitForAsync(Forbidden, "again"));
        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Publish_ForbiddenOverAConnectionOfTheApp_IsReportedAndThrowsSoon()
    {
        await StartServerAsync(NoBluePublish);
        await using var connection = new NatsConnection(Options());
        await using var node = await StartNodeAsync(connection);

        await Record.ExceptionAsync(() => node.PublishAsync(Forbidden, "first")); // which may look as if it had been taken
        await node.Received.WaitForReportAsync("loss");

        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => node.PublishAsync(Forbidden, "next")) is BackplaneRefusedException, "the next one throws");
    }

    [Fact]
    public async Task Subscribe_ForbiddenOverAConnectionOfTheApp_ThrowsOrIsReported()
    {
        await StartServerAsync(NoBlueSubscription);
        await using var connection = new NatsConnection(Options());
        await using var node = await StartNodeAsync(connection);

        if (await Record.ExceptionAsync(() => node.SubscribeAsync(Forbidden)) is { } refusal)
        {
            Assert.IsType<BackplaneRefusedException>(refusal);
        }
        else
        {
            await node.Received.WaitForReportAsync("refused");
        }

        await node.SubscribeAsync(Allowed);
        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");
    }

    [Theory]
    [InlineData("""publish: ">", subscribe: { deny: ["shop.v1.probe.>"] }""")]
    [InlineData("""publish: { deny: ["shop.v1.probe.>"] }, subscribe: ">" """)]
    public async Task ProbeForbiddenOverAConnectionOfTheApp_ThenAllowed_IsAvailableAgain(string permissions)
    {
        await StartServerAsync(All);
        await using var connection = new NatsConnection(Options());
        await using var node = await StartNodeAsync(connection);
        await node.SubscribeAsync(Allowed);

        await ReloadAsync(permissions);
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => node.PublishAsync(Allowed, "lost")) is BackplaneUnavailableException, "nothing is confirmed");
        await node.Received.WaitForReportAsync("unavailable");
        await ReloadAsync(All);
        await node.Received.WaitForReportAsync("available");

        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");
    }

    [Fact]
    public async Task PeersOfAClusterForbidden_ThenAllowed_AreAnsweredAndAnnouncedAgain()
    {
        _server.FindClusterPort();
        _cluster = $"\ncluster {{ name: test, listen: \"{_server.ClusterEndPoint}\" }}"; // on the command line it could not be reloaded
        await StartServerAsync("""publish: { deny: ["shop.v1.arrivals"] }, subscribe: { deny: ["shop.v1.peers", "shop.v1.arrivals"] }""");
        await using var node = await StartNodeAsync();
        await node.Received.WaitForReportAsync("loss");

        await using var other = new NatsConnection(Options() with { AuthOpts = new() { Username = "observer", Password = "secret" } });
        await using var arrivals = await other.SubscribeCoreAsync<string>("shop.v1.arrivals", cancellationToken: Cancellation);
        await using var answers = await other.SubscribeCoreAsync<byte[]>("shop.v1.probe.other", cancellationToken: Cancellation);
        await other.PingAsync(Cancellation);

        await ReloadAsync(All);
        await Eventually.TrueAsync(
            async () =>
            {
                await other.PublishAsync("shop.v1.peers", new byte[sizeof(ulong)], replyTo: "shop.v1.probe.other", cancellationToken: Cancellation);
                return answers.Msgs.TryRead(out var answer) && answer.Data is { Length: > 0 }; // empty: nobody listens
            },
            "the node answers for its server");

        var arrival = await arrivals.Msgs.ReadAsync(Cancellation).AsTask().WithinGuardAsync();
        Assert.Equal(other.ServerInfo!.Id, arrival.Data);
    }

    [Fact]
    public async Task Subscribe_MoreThanTheServerAllows_ThrowsTheWords()
    {
        _server.Configuration = "max_subscriptions: 20";
        await _server.StartAsync();
        await using var node = await StartNodeAsync(new NatsOpts());
        await node.SubscribeAsync(Allowed);

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(
            () => node.SubscribeAsync(Enumerable.Range(0, 20).Select(static i => $"{Prefix}:v1:chat:group:{i}")));

        Assert.Contains("maximum subscriptions", refusal.Message);
        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");
    }

    [Fact]
    public async Task SharedConnection_WhatTheAppIsRefused_IsNoConcernOfTheBackplane()
    {
        await StartServerAsync("""publish: ["shop.v1.>", "app.>"], subscribe: ["shop.v1.>"]""");
        await using var connection = new NatsConnection(Options());
        await using var node = await StartNodeAsync(connection);
        var errors = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ServerError += (_, args) =>
        {
            if (args.Error.Contains("other.publish", StringComparison.Ordinal))
            {
                errors.TrySetResult();
            }

            return ValueTask.CompletedTask;
        };

        await using var refused = await connection.SubscribeCoreAsync<string>("app.subscription", cancellationToken: Cancellation);
        await connection.PublishAsync("other.publish", "x", cancellationToken: Cancellation);
        await errors.Task.WithinGuardAsync();
        await node.SubscribeAsync(Allowed);
        await node.PublishAsync(Allowed, "hello");

        await node.Received.WaitForAsync(Allowed, "hello");
        Assert.Empty(node.Received.Reports);
        AssertNothingLogged();
    }

    [Theory]
    [InlineData("Permissions Violation for Subscription to \"shop.v1.chat.group.blue\"", "shop.v1.chat.group.blue", true)]
    [InlineData("Permissions Violation for Subscription to \"a.b\" using queue \"q\"", "a.b", true)]
    [InlineData("Permissions Violation for Publish to \"a.b\"", "a.b", false)]
    [InlineData("Permissions Violation for Publish with Reply of \"a.b\"", "a.b", false)]
    [InlineData("Permissions Violation for Publish to \"a.\\\"b\\\\c\\\"\"", "a.\"b\\c\"", false)]
    [InlineData("Permissions Violation for Publish to \"a.b", "a.b", false)]
    public void Violation_AsServersPutIt_IsRead(string error, string subject, bool isSubscription) =>
        Assert.Equal(new NatsViolation(subject, isSubscription), NatsViolation.Of(error));

    [Theory]
    [InlineData("Permissions Violation")]
    [InlineData("Permissions Violation for something new to \"a.b\"")]
    [InlineData("")]
    public void Violation_OfAnotherKind_IsNone(string error) => Assert.Null(NatsViolation.Of(error));

    private static async Task<bool> TrySubscribeAsync(BackplaneNode node)
    {
        try
        {
            await node.SubscribeAsync(Forbidden);
            return true;
        }
        catch (BackplaneUnavailableException)
        {
            return false;
        }
    }

    private void AssertNothingLogged() => Assert.DoesNotContain(_logger.Collector.GetSnapshot(), static entry => entry.Level >= LogLevel.Warning);

    private async Task StartServerAsync(string permissions)
    {
        Configure(permissions);
        await _server.StartAsync();
    }

    private void Configure(string permissions) =>
        _server.Configuration = $$"""authorization { users = [ { user: app, password: secret, permissions: { {{permissions}} } }, { user: observer, password: secret } ] }{{_cluster}}""";

    private Task ReloadAsync(string permissions)
    {
        Configure(permissions);
        return _server.ReloadAsync();
    }

    private NatsOpts Options() => new() { Url = _server.Url, AuthOpts = new() { Username = "app", Password = "secret" } };

    private Task<BackplaneNode> StartNodeAsync(NatsOpts? configuration = null) => BackplaneNode.StartAsync(NatsFactory.Backplane(
        "",
        options => (options.Url, options.Configuration) = (null, (configuration ?? Options()) with { Url = _server.Url, AuthOpts = Options().AuthOpts }),
        _logger,
        Prefix));

    private Task<BackplaneNode> StartNodeAsync(INatsConnection connection) => BackplaneNode.StartAsync(NatsFactory.Backplane(
        "", options => (options.Url, options.Connection) = (null, connection), _logger, Prefix));

    private sealed class OneLoggerFactory(ILogger logger) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => logger;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }
}

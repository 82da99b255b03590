using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using static DistributedSockets.Docs.Tests.Outages.AwayApp;

namespace DistributedSockets.Docs.Tests.Outages;

/// <summary>The programs that pages print, with their Redis away, killed, and back: who is connected stays, and those on one node reach each other.</summary>
public sealed class ProgramOutageTests
{
    private static readonly object s_alert = new { title = "Hello", text = "For you." };
    private static readonly string s_alertText = """{"title":"Hello","text":"For you."}""";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    [Runs("readme")]
    public async Task Readme_RedisKilledAndBack_NobodyIsClosedAndTheLobbyIsOneAgain()
    {
        await using var redis = new RedisFixture();
        await redis.InitializeAsync();
        string[] arguments = ["--urls=http://127.0.0.1:0", "--environment=Development", "--Logging:LogLevel:Default=Warning", $"--redis={redis.EndPoint}"];
        await using var first = Snippets.Readme.ReadmeProgram.Build(arguments);
        await using var second = Snippets.Readme.ReadmeProgram.Build(arguments);
        await first.StartAsync(Cancelled);
        await second.StartAsync(Cancelled);
        using var alice = await new Visitor(first.Urls.Single()).SignInAsync("alice");
        using var bob = await new Visitor(second.Urls.Single()).SignInAsync("bob");
        using var carol = await new Visitor(first.Urls.Single()).SignInAsync("carol");
        using var aliceSocket = await alice.ConnectAsync("/chat");
        using var bobSocket = await bob.ConnectAsync("/chat");
        await ReachAsync(aliceSocket, bobSocket, "before");

        await redis.Server.KillAsync();
        for (var i = 0; i < 3; i++) // the first may come before anybody knows
        {
            await SendAsync(aliceSocket, $"away {i}");
            await ReceiveUntilAsync(aliceSocket, $"away {i}");
        }

        using var carolSocket = await carol.ConnectAsync("/chat"); // a newcomer
        await SendAsync(carolSocket, "I am new");
        Assert.Equal("I am new", await ReceiveAsync(carolSocket));
        Assert.Equal("I am new", await ReceiveAsync(aliceSocket));
        using var pushed = await carol.Http.PostAsJsonAsync("/notify/alice", s_alert, Cancelled);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, pushed.StatusCode);
        Assert.Equal(s_alertText, await ReceiveAsync(aliceSocket));

        await redis.Server.StartAsync();
        await ReachAsync(bobSocket, carolSocket, "back");
        Assert.Equal((WebSocketState.Open, WebSocketState.Open, WebSocketState.Open), (aliceSocket.State, bobSocket.State, carolSocket.State));
    }

    [Fact]
    [Runs("start-program", "start-handler", "start-user", "start-push", "start-alert", "start-online")]
    public async Task GettingStarted_RedisAway_ChatGoesOnAndEndpointsAnswer503()
    {
        await using var app = await RunAsync((arguments, more) => Snippets.GettingStarted.GettingStartedProgram.Build(arguments, more));
        using var visitor = app.NewVisitor();
        using var alice = await visitor.ConnectAsync("/chat?user=alice");
        Assert.Equal("alice is here", await ReceiveAsync(alice));
        using var bob = await visitor.ConnectAsync("/chat?user=bob");
        Assert.Equal("bob is here", await ReceiveAsync(alice));
        Assert.Equal("bob is here", await ReceiveAsync(bob));

        for (var i = 0; i < 2; i++)
        {
            await SendAsync(bob, $"hello {i}");
            Assert.Equal($"bob: hello {i}", await ReceiveAsync(alice));
        }

        using var pushed = await visitor.Http.PostAsJsonAsync("/notify/alice", s_alert, Cancelled);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, pushed.StatusCode);
        Assert.Equal(s_alertText, await ReceiveAsync(alice));
        using var online = await visitor.Http.GetAsync("/online/alice", Cancelled);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, online.StatusCode);
        await bob.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancelled);
        Assert.Equal("bob is gone after 2 messages", await ReceiveAsync(alice));
    }

    [Fact]
    [Runs("start-redis", "start-lambda", "start-authorization")]
    public async Task GettingStarted_OverRedisThatIsAway_AnswersAndKeepsStrangersOut()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                Snippets.GettingStarted.GettingStartedProgram.Redis(builder);
                builder.Services.AddAuthentication("cookie").AddCookie("cookie");
                builder.Services.AddAuthorization();
            },
            static app =>
            {
                Snippets.GettingStarted.GettingStartedProgram.Lambda(app);
                Snippets.GettingStarted.GettingStartedProgram.Authorize(app);
            });
        using var visitor = app.NewVisitor();
        using var client = await visitor.ConnectAsync("/echo");

        await SendAsync(client, "echo");

        Assert.Equal("echo", await ReceiveAsync(client));
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => visitor.ConnectAsync("/chat"));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.Data["status"]);
    }

    [Fact]
    [Runs("start-worker", "start-clock")]
    public async Task Worker_RedisAway_GoesOn()
    {
        var stopping = new StopAfterAFailedSend();

        await Snippets.GettingStarted.GettingStartedProgram.WorkerAsync(["--Logging:LogLevel:Default=Critical"], builder =>
        {
            Cut(builder.Services);
            builder.Services.AddHostedService(services =>
            {
                stopping.Services = services;
                return stopping;
            });
        }).WithinGuardAsync();

        Assert.True(stopping.HasFailed);
        Assert.False(stopping.Clock!.ExecuteTask!.IsFaulted);
    }

    [Fact]
    [Runs("package-runtime")]
    public async Task PackageReadme_RedisAway_ConnectionStays()
    {
        await using var app = await RunAsync((arguments, more) => Snippets.Packages.PackagesProgram.Runtime(arguments, more));
        using var client = await app.ConnectAsync("/chat");

        for (var i = 0; i < 2; i++)
        {
            await SendAsync(client, $"{i}");
            Assert.Equal($"{i}", await ReceiveAsync(client));
        }
    }

    [Fact]
    [Runs("json-context", "json-read", "json-handler", "json-failed")]
    public async Task Json_RedisAway_RoomGoesOn()
    {
        await using var app = await RunAsync((arguments, more) => Snippets.Json.JsonProgram.Build(arguments, more));
        using var client = await app.ConnectAsync("/room");
        using var other = await app.ConnectAsync("/orders");
        await SendAsync(client, """{"type":"join","room":"red"}""");

        for (var i = 0; i < 2; i++)
        {
            await SendAsync(client, $$"""{"type":"say","text":"hello {{i}}"}""");
            string text;
            do
            {
                text = await ReceiveAsync(client); // it may be told in between that a send did not reach the others
            }
            while (!text.Contains($"hello {i}", StringComparison.Ordinal));

            await SendAsync(other, """{"dish":"soup","count":1}""");
        }

        Assert.Equal(WebSocketState.Open, other.State);
    }

    /// <summary>Sends until the other has it: how soon nodes hear each other again is up to them.</summary>
    private static async Task ReachAsync(ClientWebSocket sender, ClientWebSocket receiver, string text)
    {
        var received = ReceiveUntilAsync(receiver, text);
        await Eventually.TrueAsync(
            async () =>
            {
                await SendAsync(sender, text);
                return received.IsCompleted;
            },
            $"'{text}' is heard on the other node");
        await received;
    }

    private static async Task ReceiveUntilAsync(ClientWebSocket client, string text)
    {
        while (await ReceiveAsync(client) != text)
        {
        }
    }

    /// <summary>Stops the worker once a publish has failed.</summary>
    private sealed class StopAfterAFailedSend : BackgroundService
    {
        public IServiceProvider Services { get; set; } = null!; // set before it is started

        public bool HasFailed { get; private set; }

        public BackgroundService? Clock { get; private set; }

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            Clock = Services.GetServices<IHostedService>().OfType<Snippets.GettingStarted.Clock>().Single();
            var router = Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("chat");
            await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToAllAsync("as the clock does", stoppingToken));
            HasFailed = true;
            Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        }
    }
}

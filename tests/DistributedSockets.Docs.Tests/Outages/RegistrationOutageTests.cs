using System.Net;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using NATS.Client.Core;
using StackExchange.Redis;
using static DistributedSockets.Docs.Tests.Outages.AwayApp;

namespace DistributedSockets.Docs.Tests.Outages;

/// <summary>What pages register starts all the same while what it names is not there.</summary>
public sealed class RegistrationOutageTests
{
    private const string Key = "an access key of forty-odd bytes, in a test";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string, Action<WebApplicationBuilder>, Action<IServiceCollection>?> Registrations => new()
    {
        { "configuration-code", Snippets.Configuration.ConfigurationProgram.Code, null },
        { "configuration-hubs", Snippets.Configuration.ConfigurationProgram.Hubs, null },
        { "configuration-routing", Snippets.Configuration.ConfigurationProgram.Routing, null },
        { "configuration-json", Snippets.Configuration.ConfigurationProgram.Json, null },
        { "extending-use-type", Snippets.Extending.ExtendingProgram.UseType, null },
        { "package-redis", Snippets.Packages.PackagesProgram.Redis, null },
        { "package-nats", Snippets.Packages.PackagesProgram.Nats, static services => services.AddDistributedWebSockets().UseNatsBackplane("nats://127.0.0.1:1") },
        { "nats-tls", Snippets.NatsInProduction.NatsInProductionProgram.Tls, static services => services.AddDistributedWebSockets().UseNats(new NatsOpts
        {
            Url = "tls://127.0.0.1:1",
            TlsOpts = new NatsTlsOpts { Mode = TlsMode.Require },
        }) },
        { "redis-health", Snippets.RedisInProduction.RedisInProductionProgram.Health, null },
        { "redis-shutdown", Snippets.RedisInProduction.RedisInProductionProgram.Shutdown, null },
        { "redis-sentinel", Snippets.RedisInProduction.RedisInProductionProgram.Sentinel, static services =>
            services.AddDistributedWebSockets().UseRedis($"{NotThere},serviceName=main") },
        { "redis-cluster", Snippets.RedisInProduction.RedisInProductionProgram.Cluster, null },
        { "redis-servers", Snippets.RedisInProduction.RedisInProductionProgram.Servers, static services =>
            services.AddDistributedWebSockets().UseRedis([NotThere, "127.0.0.1:2"]) },
        { "redis-servers-named", Snippets.RedisInProduction.RedisInProductionProgram.NamedServers, static services =>
            services.AddDistributedWebSockets().UseRedis(static options =>
            {
                options.Servers.Add(new() { Name = "blue", ConnectionString = NotThere });
                options.Servers.Add(new() { Name = "red", ConnectionString = $"{NotThere},serviceName=red" });
            }) },
        { "redis-tls", Snippets.RedisInProduction.RedisInProductionProgram.Tls, static services =>
            services.AddDistributedWebSockets().UseRedis(static options => options.Configuration = new ConfigurationOptions
            {
                EndPoints = { { "127.0.0.1", 1 } },
                Ssl = true,
                ConnectTimeout = 500,
            }) },
        { "redis-password-use", Snippets.RedisInProduction.RedisInProductionProgram.PasswordOfAFile, static services =>
            services.AddDistributedWebSockets().UseRedis(static options => options.Configuration = new ConfigurationOptions
            {
                EndPoints = { { "127.0.0.1", 1 } },
                Defaults = new Snippets.RedisInProduction.PasswordFile(Environment.ProcessPath!), // read when it has connected
                ConnectTimeout = 500,
            }) },
        { "redis-forwarded", Snippets.RedisInProduction.RedisInProductionProgram.Forwarded, null },
        { "promises-observe", Snippets.Promises.PromisesProgram.Observe, null },
        { "concepts-filter-add", static builder =>
        {
            Snippets.Concepts.ConceptsProgram.Filter(builder);
            builder.Services.AddSingleton<Snippets.Concepts.IRooms, OpenRooms>();
        }, null },
        { "recipes-multiplexer", Snippets.Recipes.RecipesProgram.Multiplexer, static services =>
        {
            services.AddSingleton<IConnectionMultiplexer>(static _ => ConnectionMultiplexer.Connect($"{NotThere},abortConnect=false"));
            services.AddOptions<RedisBackplaneOptions>().PostConfigure<IConnectionMultiplexer>(static (options, redis) => (options.ConnectionString, options.ConnectionMultiplexer) = (null, redis));
            services.AddOptions<RedisMessageLogOptions>().PostConfigure<IConnectionMultiplexer>(static (options, redis) => (options.ConnectionString, options.ConnectionMultiplexer) = (null, redis));
            services.AddOptions<RedisSessionStoreOptions>().PostConfigure<IConnectionMultiplexer>(static (options, redis) => (options.ConnectionString, options.ConnectionMultiplexer) = (null, redis));
        } },
        { "presence-add", Snippets.Presence.PresenceProgram.Add, null },
        { "testing-faulty", static builder => Snippets.Testing.LobbyTests.Register(builder.Services.AddDistributedWebSockets(), new Snippets.Extending.SilentBackplane()), null },
    };

    [Theory]
    [MemberData(nameof(Registrations), DisableDiscoveryEnumeration = true)]
    [Runs(
        "configuration-code", "configuration-hubs", "configuration-routing", "configuration-json", "configuration-json-context", "extending-use-type", "extending-silent",
        "package-redis", "package-nats", "nats-tls", "redis-health", "redis-shutdown", "redis-sentinel", "redis-cluster", "redis-servers", "redis-servers-named",
        "redis-tls", "redis-password", "redis-password-use", "redis-forwarded", "promises-observe", "concepts-filter-add", "presence-add", "recipes-multiplexer", "testing-faulty")]
    public async Task Registration_NothingThere_StartsAndServesWhoConnects(string snippet, Action<WebApplicationBuilder> register, Action<IServiceCollection>? cut)
    {
        Assert.NotEmpty(snippet);
        await using var app = await RunAsync(
            register, static app => app.MapDistributedWebSocket("/try", static (_, message, router, token) => router.SendToAllAsync(message, token), "try"), cut);
        using var client = await app.ConnectAsync("/try");

        for (var i = 0; i < 2; i++)
        {
            await SendAsync(client, $"{i}");
            Assert.Equal($"{i}", await ReceiveAsync(client));
        }
    }

    [Fact]
    [Runs("redis-health-map", "redis-forwarded-use", "configuration-endpoints")]
    public async Task Endpoints_RedisAway_Answer()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                Snippets.Configuration.ConfigurationProgram.Hubs(builder);
                Snippets.RedisInProduction.RedisInProductionProgram.Health(builder);
                builder.Services.Configure<ForwardedHeadersOptions>(static options => options.ForwardedHeaders = ForwardedHeaders.All);
            },
            static app =>
            {
                Snippets.RedisInProduction.RedisInProductionProgram.UseForwarded(app);
                Snippets.RedisInProduction.RedisInProductionProgram.MapHealth(app);
                Snippets.Configuration.ConfigurationProgram.Endpoints(app);
            });
        using var visitor = app.NewVisitor();

        Assert.Equal("Healthy", await visitor.Http.GetStringAsync("/health/live", Cancelled));
        Assert.Equal("Degraded", await visitor.Http.GetStringAsync("/health/ready", Cancelled)); // and so it keeps its traffic
        using var client = await visitor.ConnectAsync("/ticker");
        using var partner = await visitor.ConnectAsync("/partners/ticker", static options => options.AddSubProtocol("ticker.v2"));
        Assert.Equal("ticker.v2", partner.SubProtocol);
    }

    [Fact]
    [Runs("promises-send")]
    public async Task PushEndpoint_RedisAway_Answers503WithoutNamingServers()
    {
        await using var app = await RunAsync(static builder => builder.Services.AddProblemDetails(), Snippets.Promises.PromisesProgram.Map);
        using var visitor = app.NewVisitor();

        using var answer = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(visitor.Http, "/notify/alice", new { title = "Hello", text = "x" }, Cancelled);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.DoesNotContain("127.0.0.1", await answer.Content.ReadAsStringAsync(Cancelled));
    }

    [Fact]
    [Runs("concepts-hub", "concepts-routers", "concepts-targets", "concepts-send-options", "concepts-commands", "concepts-directory", "concepts-pages", "package-abstractions")]
    public async Task Calls_RedisAway_ThrowWhatTheContractSays()
    {
        await using var app = await RunAsync(static _ => { }, static app => app.MapDistributedWebSocket<Snippets.Concepts.PriceFeed>("/prices"));
        var router = app.Services.GetRequiredService<IWebSocketRouter<Snippets.Concepts.PriceFeed>>();
        var directory = app.Services.GetRequiredService<ISessionDirectory<Snippets.Concepts.PriceFeed>>();
        var elsewhere = $"{app.Services.GetRequiredService<NodeInfo>().Name}-elsewhere.0123456789abcdefghijkl";

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => Snippets.Concepts.ConceptsProgram.RoutersAsync(app.Services, Cancelled));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => Snippets.Concepts.ConceptsProgram.TargetsAsync(router, elsewhere, Cancelled));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(
            () => Snippets.Concepts.ConceptsProgram.OptionsAsync(router, new NoMail(), elsewhere, "alice", new(1, 2), Cancelled));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => Snippets.Concepts.ConceptsProgram.GroupsAsync(router, elsewhere, Cancelled));
        await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => Snippets.Concepts.ConceptsProgram.DirectoryAsync(directory, Cancelled));
        await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => Snippets.Concepts.ConceptsProgram.NamesAsync(directory, Cancelled));
        var notifier = new Snippets.Packages.OrderNotifier(app.Services.GetRequiredService<IWebSocketRouterFactory>());
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => notifier.ShippedAsync("alice", Cancelled));
    }

    [Fact]
    [Runs("concepts-log", "concepts-log-options")]
    public async Task LoggedCalls_RedisAway_ThrowThatTheLogIsAway()
    {
        await using var app = await RunAsync(
            Snippets.Concepts.ConceptsProgram.Log, static app => app.MapDistributedWebSocket<Snippets.Concepts.PriceFeed>("/prices"));
        var router = app.Services.GetRequiredService<IWebSocketRouter<Snippets.Concepts.PriceFeed>>();

        await Assert.ThrowsAsync<MessageLogUnavailableException>(
            () => Snippets.Concepts.ConceptsProgram.LogAsync(router, "nobody.0123456789abcdefghijkl", "order-1", Cancelled));
    }

    [Fact]
    [Runs("resumable-sessions-add", "resumable-sessions-once", "resumable-sessions-history")]
    public async Task ResumableSessions_RedisAway_AreToldToComeLaterAndOthersAreServed()
    {
        await using var app = await RunAsync(
            Snippets.ResumableSessions.ResumableSessionsProgram.Add, static app => app.MapDistributedWebSocket<Snippets.ResumableSessions.ChatHandler>("/chat"));
        using var visitor = app.NewVisitor();
        using var plain = await visitor.ConnectAsync("/chat");
        await SendAsync(plain, "hello");
        Assert.Equal("hello", await ReceiveAsync(plain));

        var refused = await Assert.ThrowsAsync<WebSocketException>(() => visitor.ConnectAsync("/chat", static options => options.AddSubProtocol("resume.v1.distributedsockets")));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Data["status"]);

        var router = app.Services.GetRequiredService<IWebSocketRouter<Snippets.ResumableSessions.ChatHandler>>();
        await Assert.ThrowsAsync<MessageLogUnavailableException>(
            () => Snippets.ResumableSessions.ResumableSessionsProgram.SayAsync(router, null, "alice", "lobby", "hello", "1", Cancelled));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(
            () => Snippets.ResumableSessions.ResumableSessionsProgram.JoinAsync(router, "nobody.0123456789abcdefghijkl", "lobby", Cancelled));
    }

    [Fact]
    [Runs("subprotocols-write", "subprotocols-add", "subprotocols-send")]
    public async Task Subprotocols_RedisAway_ServeTheirClients()
    {
        await using var app = await RunAsync(
            Snippets.Subprotocols.SubprotocolsProgram.Add, static app => app.MapDistributedWebSocket<Snippets.Subprotocols.ChatHandler>("/chat"));
        using var visitor = app.NewVisitor();
        using var named = await visitor.ConnectAsync("/chat", static options => options.AddSubProtocol("named.example"));

        await SendAsync(named, "hello");

        Assert.Equal("""{"from":null,"text":"hello"}""", await ReceiveAsync(named));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(
            () => Snippets.Subprotocols.SubprotocolsProgram.SendAsync(app.Services.GetRequiredService<IWebSocketRouter<Snippets.Subprotocols.ChatHandler>>()));
    }

    [Fact]
    [Runs("web-pubsub-add", "web-pubsub-map", "web-pubsub-handler", "web-pubsub-webhook")]
    public async Task WebPubSub_RedisAway_ServesPlainClientsAndTellsReliableOnesToComeLater()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                builder.Configuration["WebPubSub:AccessKey"] = Key;
                Snippets.WebPubSub.WebPubSubProgram.Add(builder);
                builder.Services.Configure<WebPubSub.WebPubSubOptions>(static options =>
                {
                    var upstream = new WebPubSub.WebPubSubOptions();
                    Snippets.WebPubSub.WebPubSubProgram.AddUpstream(upstream);
                    Assert.Equal("https://upstream.example.com/{hub}/{event}", Assert.Single(upstream.Webhooks).Url); // where nobody is
                });
            },
            Snippets.WebPubSub.WebPubSubProgram.Map);
        using var visitor = app.NewVisitor();
        var address = $"/client/hubs/chat?access_token={AccessToken(app.Address)}";

        using var plain = await visitor.ConnectAsync(address, static options => options.AddSubProtocol("json.webpubsub.azure.v1"));
        Assert.Contains("\"connected\"", await ReceiveAsync(plain));
        await SendAsync(plain, """{"type":"event","event":"other","dataType":"text","data":"","ackId":1}""");
        Assert.Contains("other is number 1 of ann", await ReceiveAsync(plain));
        Assert.Contains("\"ackId\":1", await ReceiveAsync(plain));
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => visitor.ConnectAsync(address, static options => options.AddSubProtocol("json.reliable.webpubsub.azure.v1")));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Data["status"]);
    }

    [Fact]
    [Runs("concepts-ask", "concepts-answer-matcher", "concepts-back-pressure")]
    public async Task OwnClient_RedisAway_IsAskedAndServed()
    {
        await using var app = await RunAsync(Snippets.Concepts.ConceptsProgram.Ask, static app =>
        {
            app.MapDistributedWebSocket<Snippets.Concepts.EditorHandler>("/edit");
            app.MapDistributedWebSocket<Snippets.Concepts.DownloadHandler>("/download");
        });
        using var editor = await app.ConnectAsync("/edit");
        using var download = await app.ConnectAsync("/download");

        using var question = System.Text.Json.JsonDocument.Parse(await ReceiveAsync(editor));
        await SendAsync(editor, $$"""{"answers":"{{question.RootElement.GetProperty("id").GetString()}}","version":3}""");
        await SendAsync(download, "all of it");
        var router = app.Services.GetRequiredService<IWebSocketRouter<Snippets.Concepts.EditorHandler>>();
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToAllAsync("still open", Cancelled));

        Assert.Equal("still open", await ReceiveAsync(editor));
        Assert.Equal("all of it", await ReceiveAsync(download));
    }

    [Fact]
    [Runs("recipes-presence", "recipes-presence-observer", "recipes-rooms", "recipes-join", "recipes-kick")]
    public async Task Recipes_RedisAway_WorkOnTheirNode()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                Snippets.Recipes.RecipesProgram.Presence(builder);
                builder.Services.AddAuthorizationBuilder().AddPolicy("admin", static policy => policy.RequireAssertion(static _ => true));
                builder.Services.AddSingleton<Snippets.Recipes.Bans>();
                builder.Services.AddSingleton<Snippets.Recipes.RoomService>();
                builder.Services.AddSingleton<Snippets.Recipes.IRoomMemberships, RedRoom>();
                builder.Services.AddSingleton<IUserIdProvider, Snippets.GettingStarted.UserFromQuery>();
            },
            static app =>
            {
                app.MapDistributedWebSocket<Snippets.Recipes.RoomHandler>("/socket");
                Snippets.Recipes.RecipesProgram.MapPresence(app);
                Snippets.Recipes.RecipesProgram.Kick(app);
            });
        using var visitor = app.NewVisitor();
        using var alice = await visitor.ConnectAsync("/socket?user=alice");
        var router = app.Services.GetRequiredService<IWebSocketRouter<Snippets.Recipes.RoomHandler>>();
        var rooms = app.Services.GetRequiredService<Snippets.Recipes.RoomService>();

        await Eventually.TrueAsync(
            async () => await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToGroupAsync("red", "red", Cancelled)) is { QueuedHere: 1 },
            "the handler has joined the room");
        Assert.Equal("red", await ReceiveAsync(alice));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => rooms.JoinAsync("alice", "blue", Cancelled));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToGroupAsync("blue", "blue", Cancelled));
        Assert.Equal("blue", await ReceiveAsync(alice));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await visitor.Http.GetAsync("/rooms/red/people", Cancelled)).StatusCode); // nobody knows yet
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await visitor.Http.PostAsync("/admin/ban/alice", null, Cancelled)).StatusCode);
        await alice.ReceiveAsync(new byte[100], Cancelled).WithinGuardAsync();
        Assert.Equal("banned", alice.CloseStatusDescription);
    }

    [Fact]
    [Runs("concepts-filter", "concepts-groups")]
    public async Task Filter_RedisAway_LetsInAndJoinsHere()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                Snippets.Concepts.ConceptsProgram.Filter(builder);
                builder.Services.AddSingleton<Snippets.Concepts.IRooms, OpenRooms>();
                builder.Services.AddSingleton<IUserIdProvider, Snippets.GettingStarted.UserFromQuery>();
            },
            static app =>
            {
                app.MapDistributedWebSocket<Snippets.Concepts.RoomHandler>("/rooms/{room}");
                Snippets.Concepts.ConceptsProgram.Groups(app);
            });
        using var client = await app.ConnectAsync("/rooms/red?user=alice");
        var router = app.Services.GetRequiredService<IWebSocketRouter<Snippets.Concepts.RoomHandler>>();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToGroupAsync("red", "to the room", Cancelled));

        Assert.Equal("to the room", await ReceiveAsync(client));
    }

    [Fact]
    [Runs("presence-observer", "presence-roster", "promises-observer")]
    public async Task Observers_BackplaneCutAndBack_TellThoseOnTheirNode()
    {
        await using var cluster = await FakeCluster.StartAsync(2, static app => app
            .ConfigureServices(static services => services.AddDistributedWebSockets()
                .AddHub<Snippets.Presence.ChatHandler>(static hub => hub.Presence = PresenceScope.UsersAndGroups)
                .AddPresenceObserver<Snippets.Presence.PresencePusher>()
                .AddClusterObserver<Snippets.Promises.ResyncObserver>())
            .ConfigureApp(static app =>
            {
                app.MapDistributedWebSocket<Snippets.Presence.ChatHandler>("/chat");
                Snippets.Presence.PresenceProgram.Map(app);
            }), cancellationToken: Cancelled);
        cluster.CutBackplane();
        var alice = await cluster.ConnectAsync(0, "/chat", "alice", cancellationToken: Cancelled);
        var bob = await cluster.ConnectAsync(1, "/chat", "bob", cancellationToken: Cancelled);
        await cluster.WaitForSessionsAsync(SessionQuery.ForHub("chat"), 2, Cancelled);

        cluster.RestoreBackplane();

        await UntilResyncAsync(alice);
        await UntilResyncAsync(bob);
        var roster = cluster[0].Services.GetRequiredService<IPresenceRoster<Snippets.Presence.ChatHandler>>();
        await Eventually.TrueAsync(
            async () =>
            {
                await cluster.AdvanceAsync(TimeSpan.FromMilliseconds(200), Cancelled);
                return roster.ListUsers().Contains("alice");
            },
            "the roster shows who is online");
    }

    [Fact]
    [Runs("testing-app", "testing-cut")]
    public async Task LobbyOfTheTests_BackplaneCut_GoesOn()
    {
        await using var cluster = await FakeCluster.StartAsync(2, static app => app
            .ConfigureServices(Snippets.Testing.LobbyApp.AddLobby).ConfigureApp(Snippets.Testing.LobbyApp.MapLobby), cancellationToken: Cancelled);
        cluster.CutBackplane();
        var alice = await cluster.ConnectAsync(0, "/lobby", "alice", cancellationToken: Cancelled);

        for (var i = 0; i < 2; i++)
        {
            await alice.SendAsync($"{i}", Cancelled);
            Assert.Equal($"alice: {i}", await alice.ReceiveTextAsync(Cancelled));
        }
    }

    private static async Task UntilResyncAsync(FakeClient client)
    {
        while (!(await client.ReceiveTextAsync(Cancelled)).Contains("resync", StringComparison.Ordinal))
        {
        }
    }

    private sealed class RedRoom : Snippets.Recipes.IRoomMemberships
    {
        public Task<IReadOnlyList<string>> OfAsync(string userId, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>(["red"]);

        public Task AddAsync(string userId, string room, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class NoMail : Snippets.Concepts.IMail
    {
        public ValueTask RemindAsync(string user) => ValueTask.CompletedTask;
    }

    private sealed class OpenRooms : Snippets.Concepts.IRooms
    {
        public Task<bool> MayEnterAsync(string userId, string room, CancellationToken cancellationToken) => Task.FromResult(true);
    }

    private static string AccessToken(Uri address) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Audience = new Uri(address, "/client/hubs/chat").AbsoluteUri,
        Subject = new([new("sub", "ann")]),
        SigningCredentials = new(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(Key)), SecurityAlgorithms.HmacSha256),
    });
}

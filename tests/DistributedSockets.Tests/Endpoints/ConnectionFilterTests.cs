using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>What decides about a handshake before it is answered, and what becomes of one that cannot decide.</summary>
public sealed class ConnectionFilterTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Refuse_WithAStatus_AnswersWithItAndNobodyHearsOfTheConnection()
    {
        var later = 0;
        await using var node = await StartAsync(hub =>
        {
            hub.AddConnectionFilter(static async (context, token) =>
            {
                await Task.Yield();
                if (context.UserId == "banned")
                {
                    context.HttpContext.Response.Headers["X-Why"] = "banned";
                    context.Refuse(StatusCodes.Status429TooManyRequests, "You are banned for a while.");
                }
            });
            hub.AddConnectionFilter((_, _) =>
            {
                later++;
                return ValueTask.CompletedTask;
            });
        });

        using (var refused = await HandshakeAsync(node, "banned"))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.Equal("You are banned for a while.\n", await refused.Content.ReadAsStringAsync(Cancellation));
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal(["banned"], refused.Headers.GetValues("X-Why"));
        }

        await HandshakesEndedAsync(node);
        Assert.Equal((0, 0), (later, node.Hub.Count));
        Assert.Contains("\"You are banned for a while.\"", Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 116).Message);
        Assert.Empty(node.Probe.Connections);
        await using var client = await node.ConnectAsync("ann");
        Assert.Equal(1, later);
    }

    [Fact]
    public async Task Filter_SetsUserGroupsAndSubProtocol_AllNodesReachTheConnectionByThemWhenItIsOpen()
    {
        await using var other = await AppNode.StartAsync(_cluster);
        await using var node = await StartAsync(static hub => hub.AddConnectionFilter(static async (context, token) =>
        {
            await Task.Yield();
            Assert.Equal(("guest", "probe"), (context.UserId, context.Hub));
            context.UserId = "ann";
            context.Groups.UnionWith(["red", "blue"]);
            context.Properties["name"] = "Ann";
            context.SubProtocol = context.RequestedSubProtocols[^1];
        }));
        var atConnect = Array.Empty<string>();
        node.Probe.OnConnected = connection =>
        {
            atConnect = HubConnections.GroupsOf((Connection)connection);
            return ValueTask.CompletedTask;
        };

        await using var client = await TestClient.ConnectAsync(
            node.Address,
            "/chat?u=guest",
            static options =>
            {
                options.AddSubProtocol("one");
                options.AddSubProtocol("two");
            },
            readId: false);
        await other.Router.SendToGroupAsync("red", "red", Cancellation);
        await other.Router.SendToUserAsync("ann", "ann", Cancellation);
        await other.Router.SendToGroupAsync("blue", "blue", Cancellation);

        List<string> received = [];
        for (var i = 0; i < 4; i++)
        {
            received.Add(await client.ReceiveTextAsync());
        }

        var id = received.Single(static text => text is not ("red" or "ann" or "blue"));
        var connection = node.Probe.Connections[id];
        Assert.Equal(["blue", "red"], atConnect.Order());
        Assert.Equal(("ann", "two", "two", "Ann"), (connection.UserId, connection.SubProtocol, client.Socket.SubProtocol, connection.Properties["name"]));
        await Eventually.TrueAsync(
            async () => await node.Store.FindAsync("probe", id, Cancellation) is { UserId: "ann" } session && session.Properties["name"] == "Ann" && session.Groups.Order().SequenceEqual(["blue", "red"]),
            "the session has what the filter said");

        await node.Router.RemoveFromGroupAsync(id, "red", Cancellation);
        await client.DisposeAsync();
        await node.Probe.Disconnected(id).Task.WithinGuardAsync();
        await Eventually.TrueAsync(() => Needed(node, "red", "blue") == 0, "its channels are not needed any more");
    }

    [Fact]
    public async Task Filters_OfProcessHubAndEndpoint_RunInThisOrderAndEachOnce()
    {
        List<string> ran = [];
        await using var node = await StartAsync(
            hub =>
            {
                hub.AddConnectionFilter<CountedFilter>();
                hub.AddConnectionFilter(Note("hub"));
            },
            all: options =>
            {
                options.AddConnectionFilter(Note("process"));
                options.AddConnectionFilter<CountedFilter>();
            },
            services: services => services.AddSingleton(ran),
            map: app =>
            {
                app.MapDistributedWebSocket<ProbeHandler>("/more", handshake => handshake.AddConnectionFilter(Note("endpoint")));
                app.MapDistributedWebSocket("/other", static (_, _, _, _) => ValueTask.CompletedTask, "other");
            });

        await using (await node.ConnectAsync(path: "/more"))
        {
            Assert.Equal(["process", "counted", "counted disposed", "hub", "endpoint"], ran);
        }

        ran.Clear();
        await using (await TestClient.ConnectAsync(node.Address, "/other", readId: false))
        {
            Assert.Equal(["process", "counted", "counted disposed"], ran);
        }

        Func<ConnectingContext, CancellationToken, ValueTask> Note(string name) => (_, _) =>
        {
            ran.Add(name);
            return ValueTask.CompletedTask;
        };
    }

    [Theory]
    [InlineData("throw", HttpStatusCode.InternalServerError)]
    [InlineData("cancel", HttpStatusCode.InternalServerError)] // by a token of its own
    [InlineData("backplane", HttpStatusCode.ServiceUnavailable)]
    [InlineData("store", HttpStatusCode.ServiceUnavailable)]
    [InlineData("user", HttpStatusCode.InternalServerError)]
    [InlineData("group", HttpStatusCode.InternalServerError)]
    [InlineData("groups", HttpStatusCode.InternalServerError)]
    [InlineData("property", HttpStatusCode.InternalServerError)]
    [InlineData("subprotocol", HttpStatusCode.InternalServerError)]
    [InlineData("status", HttpStatusCode.InternalServerError)]
    public async Task Filter_ThatFails_RefusesTheHandshakeAndIsLoggedNotTold(string how, HttpStatusCode status)
    {
        await using var node = await StartAsync(static hub =>
        {
            hub.MaxGroupsPerConnection = 2;
            hub.AddConnectionFilter(static async (context, token) =>
            {
                await Task.Yield();
                switch (context.UserId)
                {
                    case "throw":
                        throw new InvalidOperationException("s3cr3t");
                    case "cancel":
                        throw new OperationCanceledException("s3cr3t");
                    case "backplane":
                        throw new BackplaneUnavailableException("s3cr3t");
                    case "store":
                        throw new SessionStoreUnavailableException("s3cr3t");
                    case "user":
                        context.UserId = new string('x', 257);
                        break;
                    case "group":
                        context.Groups.Add("");
                        break;
                    case "groups":
                        context.Groups.UnionWith(["1", "2", "3"]);
                        break;
                    case "property":
                        context.Properties["name"] = new string('x', 1 << 20);
                        break;
                    case "subprotocol":
                        context.SubProtocol = "unasked";
                        break;
                    case "status":
                        context.Refuse(StatusCodes.Status302Found, "elsewhere");
                        break;
                }
            });
        });
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");

        using (var refused = await HandshakeAsync(node, how))
        {
            Assert.Equal(status, refused.StatusCode);
            Assert.Equal(status == HttpStatusCode.ServiceUnavailable, refused.Headers.RetryAfter is not null);
            var body = await refused.Content.ReadAsStringAsync(Cancellation);
            Assert.Contains("decide", body);
            Assert.DoesNotContain("s3cr3t", body);
        }

        await HandshakesEndedAsync(node);
        var record = Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 118);
        Assert.Equal(LogLevel.Error, record.Level);
        Assert.NotNull(record.Exception);
        Assert.Equal((1, 0), (errors.Value, node.Hub.Count));
        await using var next = await node.ConnectAsync("fine");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Filter_ThatTakesTooLong_Gets503InTimeWhetherItHeedsItsTokenOrNot(bool heeds)
    {
        var time = new FakeTimeProvider();
        var (began, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        var seen = CancellationToken.None;
        await using var node = await StartAsync(
            hub =>
            {
                hub.ConnectionFilterTimeout = TimeSpan.FromSeconds(3);
                hub.AddConnectionFilter(async (context, token) =>
                {
                    if (context.UserId == "slow")
                    {
                        seen = token;
                        began.SetResult();
                        await end.Task.WaitAsync(heeds ? token : CancellationToken.None);
                        context.HttpContext.Items["still"] = "its own request"; // which is not another's by now
                    }
                });
            },
            all: static options => options.MaxConnections = 1,
            services: services => services.AddSingleton<TimeProvider>(time));
        var handshake = HandshakeAsync(node, "slow");
        await began.Task.WithinGuardAsync();

        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(seen.IsCancellationRequested || handshake.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));

        using var refused = await handshake;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("in time", await refused.Content.ReadAsStringAsync(Cancellation));
        Assert.True(seen.IsCancellationRequested);
        Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 119);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 118);
        await HandshakesEndedAsync(node);
        using var next = await HandshakeAsync(node, "fast");
        Assert.Equal(HttpStatusCode.SwitchingProtocols, next.StatusCode);
        end.SetResult();
    }

    [Fact]
    public async Task Client_ThatGoesWhileAFilterDecides_IsSeenByNobody()
    {
        var (began, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var node = await StartAsync(hub => hub.AddConnectionFilter(async (_, token) =>
        {
            began.SetResult();
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
            }
            finally
            {
                cancelled.SetResult();
            }
        }));
        using (var stopped = CancellationTokenSource.CreateLinkedTokenSource(Cancellation))
        {
            var handshake = HandshakeAsync(node, "ann", stopped.Token);
            await began.Task.WithinGuardAsync();
            await stopped.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handshake);
        }

        await cancelled.Task.WithinGuardAsync();
        await node.StopAsync().WithinGuardAsync();
        Assert.Empty(node.Probe.Connections);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id is 118 or 119);
    }

    [Fact]
    public async Task User_DisconnectedAfterAFilterHasSetIt_IsClosedAsSoonAsTheConnectionIsOpen()
    {
        var (began, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var node = await StartAsync(hub => hub.AddConnectionFilter(async (context, token) =>
        {
            context.UserId = "ann";
            began.SetResult(); // and asks whether she is banned, which she is not yet
            await end.Task.WaitAsync(token);
        }));
        var connecting = TestClient.ConnectAsync(node.Address, "/chat", readId: false);
        await began.Task.WithinGuardAsync();

        await node.Router.DisconnectUserAsync("ann", (WebSocketCloseStatus)4003, "banned", Cancellation);
        end.SetResult();

        await using var client = await connecting;
        Assert.Equal(((WebSocketCloseStatus)4003, "banned"), await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task User_DisconnectedBeforeAFilterNamesAnother_LeavesTheOtherOpen()
    {
        var (began, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var node = await StartAsync(hub => hub.AddConnectionFilter(async (context, token) =>
        {
            began.SetResult();
            await end.Task.WaitAsync(token);
            context.UserId = "bob";
        }));
        var connecting = node.ConnectAsync("ann");
        await began.Task.WithinGuardAsync();

        await node.Router.DisconnectUserAsync("ann", (WebSocketCloseStatus)4003, "banned", Cancellation);
        end.SetResult();

        await using var client = await connecting;
        await client.SendAsync("still here");
        Assert.Equal("still here", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task User_SetByAFilter_IsHeldToTheLimitOfUsers()
    {
        await using var node = await StartAsync(static hub =>
        {
            hub.MaxConnectionsPerUser = 1;
            hub.AddConnectionFilter(static (context, _) =>
            {
                context.UserId = "ann";
                return ValueTask.CompletedTask;
            });
        });
        await using var first = await node.ConnectAsync();

        using var second = await HandshakeAsync(node, "bob");

        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
    }

    [Fact]
    public async Task Filter_ThatAnswersByItself_HasRefused()
    {
        await using var node = await StartAsync(static hub => hub.AddConnectionFilter(static async (context, token) =>
        {
            context.HttpContext.Response.StatusCode = StatusCodes.Status402PaymentRequired;
            await context.HttpContext.Response.WriteAsync("pay first", token);
        }));

        using var refused = await HandshakeAsync(node, "ann");

        Assert.Equal((HttpStatusCode.PaymentRequired, "pay first"), (refused.StatusCode, await refused.Content.ReadAsStringAsync(Cancellation)));
        await HandshakesEndedAsync(node);
        Assert.Equal(0, node.Hub.Count);
    }

    [Fact]
    public async Task Group_WhoseChannelIsRefused_RefusesTheHandshakeAndKeepsNothing()
    {
        var backplane = new FakeBackplane(_cluster);
        await using var node = await StartAsync(
            static hub => hub.AddConnectionFilter(static (context, _) =>
            {
                context.Groups.UnionWith(context.UserId is "ann" ? ["red", "blue"] : []);
                return ValueTask.CompletedTask;
            }),
            build: sockets => sockets.UseBackplane(_ => backplane));
        backplane.FailureOf = channel => channel == node.Hub.GroupChannel("blue") ? new BackplaneRefusedException("no permission") : null;

        using var refused = await HandshakeAsync(node, "ann");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        await HandshakesEndedAsync(node);
        Assert.Equal((0, 0), (node.Hub.Count, Needed(node, "red", "blue")));
        await using var other = await node.ConnectAsync("bob");
    }

    [Fact]
    public async Task Groups_SetWhileTheBackplaneFails_HoldHereAtOnceAndForOtherNodesWhenItIsBack()
    {
        var backplane = new FakeBackplane(_cluster);
        await using var other = await AppNode.StartAsync(_cluster);
        await using var node = await StartAsync(
            static hub => hub.AddConnectionFilter(static (context, _) =>
            {
                context.Groups.Add("red");
                return ValueTask.CompletedTask;
            }),
            build: sockets => sockets.UseBackplane(_ => backplane));
        backplane.Failure = new BackplaneUnavailableException("away");
        await using var client = await node.ConnectAsync();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToGroupAsync("red", "from here", Cancellation));
        Assert.Equal("from here", await client.ReceiveTextAsync());

        backplane.Failure = null;
        await Eventually.TrueAsync(
            async () =>
            {
                await other.Router.SendToGroupAsync("red", "from elsewhere", Cancellation);
                await client.SendAsync("echo");
                return await client.ReceiveTextAsync() == "from elsewhere";
            },
            "the group is reached from another node");
    }

    [Fact]
    public async Task Groups_SetByAFilter_ArePresenceToo()
    {
        var changes = new Changes();
        await using var node = await StartAsync(
            static hub =>
            {
                hub.Presence = PresenceScope.UsersAndGroups;
                hub.AddConnectionFilter(static (context, _) =>
                {
                    context.UserId = "ann";
                    context.Groups.Add("red");
                    return ValueTask.CompletedTask;
                });
            },
            services: services => services.AddSingleton<IPresenceObserver>(changes));

        await using (await node.ConnectAsync())
        {
            await changes.WaitForAsync([(PresenceChangeKind.CameOnline, null), (PresenceChangeKind.EnteredGroup, "red")]);
        }

        await changes.WaitForAsync([(PresenceChangeKind.LeftGroup, "red"), (PresenceChangeKind.WentOffline, null)]);
    }

    [Theory]
    [InlineData("v1", true, "v1")]
    [InlineData("v9", true, null)]
    [InlineData("", true, "")]
    [InlineData("v9", false, "")]
    [InlineData("mine", true, "mine")] // which the filter takes
    public async Task SubProtocols_NoneOfWhichIsOurs_AreRefusedIfTheOptionSaysSo(string asked, bool refuses, string? chosen)
    {
        await using var node = await StartAsync(hub =>
        {
            hub.SubProtocols.Add("v1");
            hub.RefuseUnknownSubProtocols = refuses;
            hub.AddConnectionFilter(static (context, _) =>
            {
                context.SubProtocol ??= context.RequestedSubProtocols.Contains("mine") ? "mine" : null;
                return ValueTask.CompletedTask;
            });
        });

        using var response = await HandshakeAsync(node, "ann", subProtocol: asked);

        if (chosen is null)
        {
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Contains("It speaks v1.", await response.Content.ReadAsStringAsync(Cancellation));
        }
        else
        {
            Assert.Equal(HttpStatusCode.SwitchingProtocols, response.StatusCode);
            Assert.Equal(chosen, response.Headers.TryGetValues("Sec-WebSocket-Protocol", out var values) ? values.Single() : "");
        }
    }

    [Fact]
    public void Context_OfATest_NeedsNoServer()
    {
        var http = new DefaultHttpContext();
        http.Request.Headers.SecWebSocketProtocol = "a, b";
        var context = new ConnectingContext(http, "chat", "ann");

        context.SubProtocol = "b";
        context.Refuse(StatusCodes.Status403Forbidden, "no");

        Assert.Equal(["a", "b"], context.RequestedSubProtocols);
        Assert.Equal(("b", "ann", true), (context.SubProtocol, context.UserId, context.IsRefused));
        Assert.Throws<ArgumentException>(() => context.SubProtocol = "c");
        Assert.Throws<ArgumentException>(() => context.UserId = "");
    }

    /// <summary>Waits until nothing is left of handshakes that were refused: their clients have been answered before.</summary>
    private static Task HandshakesEndedAsync(AppNode node)
    {
        var open = node.Services.GetRequiredService<Drain>();
        return Eventually.TrueAsync(() => open.OpenCount == 0, "all handshakes have given back their places");
    }

    private static int Needed(AppNode node, params string[] groups) =>
        groups.Sum(group => node.Services.GetRequiredService<ChannelSubscriptions>().CountNeeded(node.Hub.GroupChannel(group)));

    private static async Task<HttpResponseMessage> HandshakeAsync(AppNode node, string user, CancellationToken? cancellationToken = null, string? subProtocol = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, $"/chat?u={user}"));
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        if (!string.IsNullOrEmpty(subProtocol))
        {
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", subProtocol);
        }

        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken ?? Cancellation).WithinGuardAsync();
    }

    private Task<AppNode> StartAsync(
        Action<HubOptions> probe,
        Action<DistributedWebSocketsOptions>? all = null,
        Action<IServiceCollection>? services = null,
        Action<WebApplication>? map = null,
        Action<IDistributedWebSocketsBuilder>? build = null) => AppNode.StartAsync(
        _cluster,
        all,
        sockets =>
        {
            services?.Invoke(sockets.Services);
            sockets.AddHub<ProbeHandler>(probe);
            build?.Invoke(sockets);
        },
        map);

    [Fact]
    public async Task Context_OnceTheConnectionIsOpen_IsHeldByNobody()
    {
        WeakReference? context = null;
        await using var node = await StartAsync(hub => hub.AddConnectionFilter((connecting, _) =>
        {
            context = new(connecting);
            return ValueTask.CompletedTask;
        }));
        await using var client = await node.ConnectAsync("ann");

        // Else it, and what else led to the connection, would take memory for as long as that lives.
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                return context is { IsAlive: false };
            },
            "nobody holds it");
        await node.Router.SendToUserAsync("ann", "there", Cancellation);
        Assert.Equal("there", await client.ReceiveTextAsync());
    }

    private sealed class Changes : IPresenceObserver
    {
        private readonly ConcurrentQueue<(PresenceChangeKind Kind, string? Group)> _told = new();

        public ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken)
        {
            Assert.Equal("ann", change.UserId);
            _told.Enqueue((change.Kind, change.Group));
            return ValueTask.CompletedTask;
        }

        internal Task WaitForAsync((PresenceChangeKind, string?)[] expected) =>
            Eventually.TrueAsync(() => expected.All(_told.Contains) && _told.Count % expected.Length == 0, $"{string.Join(", ", expected)} is told");
    }

    private sealed class CountedFilter(List<string> ran) : IConnectionFilter, IDisposable
    {
        public ValueTask OnConnectingAsync(ConnectingContext context, CancellationToken cancellationToken)
        {
            ran.Add("counted");
            return ValueTask.CompletedTask;
        }

        public void Dispose() => ran.Add("counted disposed");
    }
}

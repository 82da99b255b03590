using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class EndpointTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Request_NotAWebSocket_Gets400AndAnExplanation()
    {
        await using var node = await AppNode.StartAsync();
        using var http = new HttpClient { BaseAddress = node.Address };

        using var response = await http.GetAsync("/chat", Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("WebSocket endpoint", await response.Content.ReadAsStringAsync(Cancellation));
        using var post = await http.PostAsync("/chat", null, Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("http://127.0.0.1:{port}", true)]
    [InlineData("https://127.0.0.1:{port}", true)]
    [InlineData("http://127.0.0.1", false)]
    [InlineData("http://127.0.0.1:1", false)]
    [InlineData("http://evil.example", false)]
    [InlineData("http://127.0.0.1:{port}.evil.example", false)]
    [InlineData("http://127.0.0.1:{port}/path", true)] // as some programs do
    [InlineData("ws://127.0.0.1:{port}", true)]
    [InlineData("null", false)]
    [InlineData("", false)]
    [InlineData("https://app.example", true)]
    [InlineData("https://app.example:8443", false)]
    [InlineData("http://app.example", false)]
    public async Task Handshake_Origin_MustBeOwnHostOrAllowed(string? origin, bool allowed)
    {
        await using var node = await AppNode.StartAsync(options: options => options.AllowedOrigins.Add("https://app.example"));
        using var socket = new ClientWebSocket();
        if (origin is not null)
        {
            socket.Options.SetRequestHeader("Origin", origin.Replace("{port}", node.Address.Port.ToString()));
        }

        socket.Options.CollectHttpResponseDetails = true;
        var connecting = socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat"), Cancellation);
        if (allowed)
        {
            await connecting;
            return;
        }

        await Assert.ThrowsAsync<WebSocketException>(() => connecting);
        Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
    }

    [Fact]
    public async Task Handshake_AnyOriginAllowed_Passes()
    {
        await using var node = await AppNode.StartAsync(options: options => options.AllowedOrigins.Add("*"));
        await using var client = await node.ConnectAsync(options: options => options.SetRequestHeader("Origin", "null"));

        Assert.NotEmpty(client.Id);
    }

    [Theory]
    [InlineData(new[] { "v1", "v2" }, "v2")]
    [InlineData(new[] { "v1" }, "v1")]
    [InlineData(new[] { "v9" }, null)]
    [InlineData(new string[0], null)]
    public async Task Handshake_SubProtocols_ServersPreferenceIsChosen(string[] offered, string? chosen)
    {
        await using var node = await AppNode.StartAsync(options: options =>
        {
            options.SubProtocols.Add("v2");
            options.SubProtocols.Add("v1");
        });

        await using var client = await node.ConnectAsync(options: options => Array.ForEach(offered, options.AddSubProtocol));

        Assert.Equal(chosen, client.Socket.SubProtocol);
        Assert.Equal(chosen, node.Probe.Connections[client.Id].SubProtocol);
    }

    [Fact]
    public async Task Handshake_PatternWithValues_ConnectionHasThemUntilItsEnd()
    {
        await using var node = await AppNode.StartAsync(map: static app => app.MapDistributedWebSocket<ProbeHandler>("/rooms/{room}/{seat:int?}"));
        IReadOnlyDictionary<string, object?>? atEnd = null;
        node.Probe.OnDisconnected = (connection, _) =>
        {
            atEnd = connection.RouteValues;
            return ValueTask.CompletedTask;
        };
        await using var client = await node.ConnectAsync(path: "/rooms/the%20red%20one/7");
        await using var plain = await node.ConnectAsync();

        var values = node.Probe.Connections[client.Id].RouteValues;

        Assert.Equal(("the red one", "7", 2), (values["room"], values["seat"], values.Count));
        Assert.Equal("the red one", values["ROOM"]); // as routes are
        Assert.Empty(node.Probe.Connections[plain.Id].RouteValues);
        await client.DisposeAsync();
        await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        await Eventually.TrueAsync(() => atEnd?.Count == 2, "the end has been told");
    }

    [Fact]
    public async Task Handshake_UserIdTooLong_Gets400()
    {
        await using var node = await AppNode.StartAsync();
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(
            new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat?u=" + new string('x', 257)), Cancellation));

        Assert.Equal(HttpStatusCode.BadRequest, socket.HttpStatusCode);
    }

    [Fact]
    public async Task Conventions_RequireAuthorization_AppliesAndGivesTheUserId()
    {
        await using var node = await AppNode.StartAsync(
            build: sockets =>
            {
                sockets.Services.RemoveAll<IUserIdProvider>();
                sockets.Services.AddSingleton<IUserIdProvider, ClaimsUserIdProvider>();
                sockets.Services.AddAuthentication("header").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("header", null);
                sockets.Services.AddAuthorization();
            },
            map: app =>
            {
                app.UseAuthentication();
                app.UseAuthorization();
                app.MapDistributedWebSocket("/secret", (connection, _, _, token) => connection.SendAsync(WebSocketMessage.Text(connection.UserId ?? "?"), token), "secret")
                    .RequireAuthorization();
            });
        using var stranger = new ClientWebSocket();
        stranger.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => stranger.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/secret"), Cancellation));
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.HttpStatusCode);

        await using var client = await TestClient.ConnectAsync(node.Address, "/secret", options => options.SetRequestHeader("X-User", "alice"), readId: false);
        await client.SendAsync("who am I?");

        Assert.Equal("alice", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Http2_ExtendedConnect_SendsReceivesAndCloses()
    {
        await using var node = await AppNode.StartAsync(protocols: HttpProtocols.Http2);
        await using var client = await node.ConnectAsync(options: options =>
        {
            options.HttpVersion = HttpVersion.Version20;
            options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        });

        await client.SendAsync("over HTTP/2");
        Assert.Equal("over HTTP/2", await client.ReceiveTextAsync());
        await node.Router.SendToAllAsync(new byte[100_000], Cancellation);
        Assert.Equal(100_000, (await client.ReceiveAsync()).Data.Length);

        await node.Router.DisconnectAsync(client.Id, (WebSocketCloseStatus)4_000, "x", Cancellation);
        Assert.Equal(((WebSocketCloseStatus)4_000, "x"), await client.ReceiveCloseAsync());
        Assert.Equal(DisconnectKind.ClosedByServer, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }

    [Fact]
    public async Task Compression_Enabled_IsNegotiatedAndBothDirectionsWork()
    {
        await using var node = await AppNode.StartAsync(options: options => options.EnableCompression = true);
        await using var client = await node.ConnectAsync(options: options => options.DangerousDeflateOptions = new());
        var text = string.Concat(Enumerable.Repeat("compress me ", 1_000));

        await client.SendAsync(text);
        Assert.Equal(text, await client.ReceiveTextAsync());
        await node.Router.SendToAllAsync(text, Cancellation);
        Assert.Equal(text, await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task KeepAlive_ClientAnswersPings_StaysOpen()
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(
            options: static options => (options.KeepAliveInterval, options.KeepAliveTimeout) = (TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");

        // What the server sends unasked is its ping; the answer to ours is a pong with our bytes.
        Assert.Equal(0x1, (await raw.ReadFrameAsync()).Opcode);
        await raw.WriteFrameAsync(0x9, "mine"u8.ToArray());
        var pong = await raw.ReadFrameAsync();
        Assert.Equal((0xA, "mine"), (pong.Opcode, System.Text.Encoding.UTF8.GetString(pong.Payload)));
        var ping = await NextAsync();
        Assert.Equal(0x9, ping.Opcode);
        await raw.WriteFrameAsync(0xA, ping.Payload);
        Assert.Equal(0x9, (await NextAsync()).Opcode);

        async Task<(int Opcode, byte[] Payload)> NextAsync()
        {
            var reading = raw.ReadFrameAsync();
            await AdvanceUntilAsync(time, reading, "the server pings");
            return await reading;
        }
    }

    [Fact]
    public async Task KeepAlive_ClientIgnoresPings_IsConnectionLost()
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = System.Text.Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);

        await AdvanceUntilAsync(time, node.Probe.Disconnected(id).Task, "the client is given up");

        Assert.Equal(DisconnectKind.ConnectionLost, (await node.Probe.Disconnected(id).Task).Kind);
    }

    [Fact]
    public async Task Client_SendsHalfAMessageAndWaits_Gets1008WhileItAnswersPings()
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(
            options: static options =>
            {
                options.MessageTimeout = TimeSpan.FromSeconds(1);
                options.KeepAliveInterval = options.KeepAliveTimeout = TimeSpan.FromHours(1);
            },
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = System.Text.Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);

        await raw.WriteAsync([0x01, 0x84, 0, 0, 0, 0, .. "half"u8]); // not the last fragment

        var reading = raw.ReadFrameAsync();
        await AdvanceUntilAsync(time, reading, "the client is sent away");
        var close = await reading;
        Assert.Equal((0x8, 1008), (close.Opcode, (close.Payload[0] << 8) | close.Payload[1]));
        await raw.WriteFrameAsync(0x8, [0x03, 0xF0]);
        var reason = await node.Probe.Disconnected(id).Task.WithinGuardAsync();
        Assert.Equal((DisconnectKind.MessageTooSlow, WebSocketCloseStatus.PolicyViolation), (reason.Kind, reason.CloseStatus));
    }

    [Fact]
    public async Task Client_SendsEmptyFragmentsWithoutEnd_Gets1009()
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxMessageBytes = 100);
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = System.Text.Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);

        await raw.WriteAsync([0x01, 0x81, 0, 0, 0, 0, (byte)'x']);
        for (var i = 0; i < 101; i++)
        {
            await raw.WriteAsync([0x00, 0x80, 0, 0, 0, 0]);
        }

        var close = await raw.ReadFrameAsync();
        Assert.Equal((0x8, 1009), (close.Opcode, (close.Payload[0] << 8) | close.Payload[1]));
        await raw.WriteFrameAsync(0x8, [0x03, 0xF1]);
        Assert.Equal(DisconnectKind.MessageTooBig, (await node.Probe.Disconnected(id).Task.WithinGuardAsync()).Kind);
    }

    [Theory]
    [InlineData(4, 1_073_741_824)]
    [InlineData(1_000_000, 1_024)]
    public async Task Client_SendsMoreThanItMay_IsServedAllOfItInOrder(int messages, int bytes)
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(
            options: options =>
            {
                options.MaxMessagesPerSecond = messages;
                options.MaxReceivedBytesPerSecond = bytes;
                options.KeepAliveInterval = options.KeepAliveTimeout = TimeSpan.FromHours(1);
            },
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        await using var client = await node.ConnectAsync();
        var started = time.GetUtcNow();
        for (var i = 0; i < 6; i++)
        {
            await client.SendAsync($"{i}".PadRight(256));
        }

        // Four may come at once, the fifth and the sixth a quarter of a second later each.
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal($"{i}", (await client.ReceiveTextAsync()).TrimEnd());
        }

        for (var i = 4; i < 6; i++)
        {
            var receiving = client.ReceiveTextAsync();
            await AdvanceUntilAsync(time, receiving, $"message {i} is served", TimeSpan.FromMilliseconds(50));
            Assert.Equal($"{i}", (await receiving).TrimEnd());
            Assert.True(time.GetUtcNow() - started >= TimeSpan.FromMilliseconds(250 * (i - 3)), $"Message {i} came too early.");
        }
    }

    [Theory]
    [InlineData(4, 1_073_741_824, 1)]
    [InlineData(1_000_000, 1_024, 256)]
    public async Task Client_SendsMoreThanItMayAndPolicyIsClose_Gets1008AtTheFirstMessageBeyond(int messages, int bytes, int size)
    {
        var time = new FakeTimeProvider(); // stands still, so that no message is due by itself
        await using var node = await AppNode.StartAsync(
            options: options =>
            {
                options.MaxMessageBytes = 1_024;
                options.MaxMessagesPerSecond = messages;
                options.MaxReceivedBytesPerSecond = bytes;
                options.ReceiveRatePolicy = ReceiveRatePolicy.Close;
            },
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        await using var client = await node.ConnectAsync();
        await using var other = await node.ConnectAsync();

        for (var i = 0; i < 4; i++)
        {
            await client.SendAsync($"{i}".PadRight(size));
            Assert.Equal($"{i}", (await client.ReceiveTextAsync()).TrimEnd());
        }

        time.Advance(TimeSpan.FromMilliseconds(250));
        await client.SendAsync("4".PadRight(size));
        Assert.Equal("4", (await client.ReceiveTextAsync()).TrimEnd());
        await client.SendAsync("5".PadRight(size));
        await client.SendAsync("6".PadRight(size));

        var (type, _) = await client.ReceiveAsync();
        Assert.Equal(WebSocketMessageType.Close, type); // and no answer before it
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, client.Socket.CloseStatus);
        Assert.Equal($"A client may send {messages} messages and {bytes} bytes per second.", client.Socket.CloseStatusDescription);
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, null, Cancellation);
        Assert.Equal(DisconnectKind.RateExceeded, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
        await other.SendAsync("still there");
        Assert.Equal("still there", await other.ReceiveTextAsync());
    }

    [Fact]
    public async Task Client_BreaksTheProtocol_Gets1002AndOthersAreServed()
    {
        await using var node = await AppNode.StartAsync();
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = System.Text.Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);

        await raw.WriteAsync([0x81, 0x08, .. "unmasked"u8]); // no mask, which RFC 6455 section 5.1 forbids

        var close = await raw.ReadFrameAsync();
        Assert.Equal((0x8, 1002), (close.Opcode, (close.Payload[0] << 8) | close.Payload[1]));
        var reason = await node.Probe.Disconnected(id).Task.WithinGuardAsync();
        Assert.Equal((DisconnectKind.ProtocolError, WebSocketCloseStatus.ProtocolError), (reason.Kind, reason.CloseStatus));
        await using var other = await node.ConnectAsync();
    }

    [Fact]
    public async Task UseWebSockets_CalledByTheAppToo_DoesNoHarm()
    {
        await using var node = await AppNode.StartAsync(map: app => app.UseWebSockets());
        await using var client = await node.ConnectAsync();

        await client.SendAsync("x");

        Assert.Equal("x", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task TestHost_WithoutUpgradeFeature_SendsReceivesAndCloses()
    {
        using var host = await new HostBuilder().ConfigureWebHost(web => web.UseTestServer()
            .ConfigureServices(services =>
            {
                services.AddRouting();
                services.AddSingleton<ProbeLog>();
                services.AddDistributedWebSockets();
            })
            .Configure(app => app.UseRouting().UseEndpoints(endpoints => endpoints.MapDistributedWebSocket<ProbeHandler>("/chat"))))
            .StartAsync(Cancellation);
        using var socket = await host.GetTestServer().CreateWebSocketClient().ConnectAsync(new("ws://localhost/chat"), Cancellation);
        var router = host.Services.GetRequiredService<IWebSocketRouter<ProbeHandler>>();
        var id = await ReceiveAsync();

        await socket.SendAsync("echo"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        Assert.Equal("echo", await ReceiveAsync());
        await socket.SendAsync(Array.Empty<byte>(), WebSocketMessageType.Text, true, Cancellation);
        Assert.Equal("", await ReceiveAsync());
        await router.SendToAllAsync(new string('x', 70_000), Cancellation);
        Assert.Equal(new string('x', 70_000), await ReceiveAsync());
        await router.SendToAllAsync("last", Cancellation);
        await router.DisconnectAsync(id, (WebSocketCloseStatus)4_001, "bye", Cancellation);
        Assert.Equal("last", await ReceiveAsync());
        var close = await socket.ReceiveAsync(new byte[10], Cancellation);
        Assert.Equal(((WebSocketCloseStatus)4_001, "bye"), (close.CloseStatus, close.CloseStatusDescription));

        async Task<string> ReceiveAsync()
        {
            var buffer = new byte[100_000];
            var length = 0;
            WebSocketReceiveResult result;
            do
            {
                result = await socket.ReceiveAsync(new ArraySegment<byte>(buffer, length, buffer.Length - length), Cancellation).WithinGuardAsync();
                length += result.Count;
            }
            while (!result.EndOfMessage);
            return System.Text.Encoding.UTF8.GetString(buffer, 0, length);
        }
    }

    /// <summary>Moves the clock until something has ended, however late a busy machine takes notice of a step.</summary>
    private static Task AdvanceUntilAsync(FakeTimeProvider time, Task task, string expectation, TimeSpan? step = null) => Eventually.TrueAsync(
        () =>
        {
            time.Advance(step ?? TimeSpan.FromSeconds(1));
            return task.IsCompleted;
        },
        expectation);
}

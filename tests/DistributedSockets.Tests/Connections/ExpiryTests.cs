using System.Net.WebSockets;
using System.Security.Claims;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

public sealed class ExpiryTests
{
    private readonly JumpingTimeProvider _time = new(); // starts at a whole second, as a ticket knows no others

    [Fact]
    public async Task Connection_ReachesItsAge_IsClosedWith1001AndNotBefore()
    {
        await using var node = await StartAsync(options => options.MaxConnectionAge = TimeSpan.FromHours(1));
        await using var client = await node.ConnectAsync();

        _time.Advance(TimeSpan.FromMinutes(53));
        await client.SendAsync("still there");
        Assert.Equal("still there", await client.ReceiveTextAsync());

        await CloseAsync(node, client, WebSocketCloseStatus.EndpointUnavailable);
        Assert.Equal(DisconnectKind.AgeReached, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }

    [Fact]
    public async Task Clock_IsSetForward_ConnectionIsNoOlder()
    {
        await using var node = await StartAsync(options => options.MaxConnectionAge = TimeSpan.FromHours(1));
        await using var client = await node.ConnectAsync();

        _time.Jump(TimeSpan.FromDays(1));
        for (var i = 0; i < 20; i++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            await client.SendAsync("still there");
            Assert.Equal("still there", await client.ReceiveTextAsync());
        }
    }

    [Fact]
    public async Task Ticket_Expires_ClosesTheConnectionUnlessItIsRenewed()
    {
        var expiresAt = _time.GetUtcNow().AddMinutes(10);
        await using var node = await StartAsync(options => options.CloseOnAuthenticationExpiry = true, expiresAt);
        await using var renewed = await node.ConnectAsync();
        await using var client = await node.ConnectAsync();
        var connection = node.Probe.Connections[renewed.Id];
        Assert.Equal(expiresAt, connection.AuthenticationExpiresAt);
        connection.AuthenticationExpiresAt = expiresAt.AddHours(1);

        await CloseAsync(node, client, WebSocketCloseStatus.PolicyViolation);
        Assert.Equal(DisconnectKind.AuthenticationExpired, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
        await renewed.SendAsync("still there");
        Assert.Equal("still there", await renewed.ReceiveTextAsync());
    }

    [Fact]
    public async Task Ticket_ExpiresAndOptionIsOff_ConnectionStays()
    {
        await using var node = await StartAsync(static _ => { }, _time.GetUtcNow().AddMinutes(10));
        await using var client = await node.ConnectAsync();

        _time.Advance(TimeSpan.FromMinutes(30));
        await client.SendAsync("still there");

        Assert.Equal("still there", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Connection_CarriesNoMessage_IsClosedWith1008AndNotBefore()
    {
        await using var node = await StartAsync(options => options.IdleTimeout = TimeSpan.FromMinutes(30));
        await using var sender = await node.ConnectAsync();
        await using var receiver = await node.ConnectAsync();
        await using var idle = await node.ConnectAsync();
        node.Probe.OnMessage = (_, message, token) => node.Router.SendToConnectionAsync(receiver.Id, message, token);
        var connection = (Connection)node.Probe.Connections[idle.Id];
        var opened = _time.GetUtcNow();

        // One only sends and one only receives, for longer than they may be idle.
        while (connection.Reason is null)
        {
            await UseAsync();
        }

        Assert.True(_time.GetUtcNow() - opened >= TimeSpan.FromMinutes(30));
        Assert.Equal((WebSocketCloseStatus.PolicyViolation, "No message was sent or received for 00:30:00."), await idle.ReceiveCloseAsync());
        Assert.Equal(DisconnectKind.Idle, (await node.Probe.Disconnected(idle.Id).Task.WithinGuardAsync()).Kind);
        for (var i = 0; i < 31; i++)
        {
            await UseAsync();
        }

        await CloseAsync(node, sender, WebSocketCloseStatus.PolicyViolation);
        await CloseAsync(node, receiver, WebSocketCloseStatus.PolicyViolation);

        async Task UseAsync()
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            await sender.SendAsync("still there");
            Assert.Equal("still there", await receiver.ReceiveTextAsync());
        }
    }

    [Fact]
    public async Task Connection_HandlerTakesLongerThanItMayBeIdle_Stays()
    {
        await using var node = await StartAsync(options => options.IdleTimeout = TimeSpan.FromMinutes(20));
        await using var working = await node.ConnectAsync();
        await using var idle = await node.ConnectAsync();
        var (started, finish) = (new TaskCompletionSource(), new TaskCompletionSource());
        node.Probe.OnMessage = async (connection, message, token) =>
        {
            started.TrySetResult();
            await finish.Task.WaitAsync(token);
            await connection.SendAsync(message, token);
        };
        await working.SendAsync("work");
        await started.Task.WithinGuardAsync();

        await CloseAsync(node, idle, WebSocketCloseStatus.PolicyViolation);
        finish.SetResult();

        Assert.Equal("work", await working.ReceiveTextAsync());
    }

    /// <summary>Lets time pass until the node closes a connection, and no further, so that the client has time to answer.</summary>
    private async Task CloseAsync(AppNode node, TestClient client, WebSocketCloseStatus expected)
    {
        var connection = (Connection)node.Probe.Connections[client.Id];
        await Eventually.TrueAsync(
            () =>
            {
                if (connection.Reason is null)
                {
                    _time.Advance(TimeSpan.FromSeconds(10));
                }

                return connection.Reason is not null;
            },
            "the connection is closed");
        Assert.Equal(expected, (await client.ReceiveCloseAsync()).Status);
    }

    private Task<AppNode> StartAsync(Action<DistributedWebSocketsOptions> configure, DateTimeOffset? expiresAt = null) => AppNode.StartAsync(
        options: options =>
        {
            options.KeepAliveInterval = options.KeepAliveTimeout = TimeSpan.FromHours(1); // nobody answers pings as quickly as this clock runs
            options.CloseTimeout = TimeSpan.FromMinutes(1);
            configure(options);
        },
        build: sockets => sockets.Services.AddSingleton<TimeProvider>(_time),
        map: app => app.Use((context, next) =>
        {
            var ticket = new AuthenticationTicket(new ClaimsPrincipal(), new AuthenticationProperties { ExpiresUtc = expiresAt }, "test");
            context.Features.Set<IAuthenticateResultFeature>(new Authenticated { AuthenticateResult = AuthenticateResult.Success(ticket) });
            return next(context);
        }));

    private sealed class Authenticated : IAuthenticateResultFeature
    {
        public AuthenticateResult? AuthenticateResult { get; set; }
    }
}

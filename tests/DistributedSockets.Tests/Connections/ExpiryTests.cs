using System.Net.WebSockets;
using System.Security.Claims;
using DistributedSockets.Conformance;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class ExpiryTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero)); // a ticket knows whole seconds

    [Fact]
    public async Task Connection_ReachesItsAge_IsClosedWith1001AndNotBefore()
    {
        await using var node = await StartAsync(options => options.MaxConnectionAge = TimeSpan.FromHours(1));
        await using var client = await node.ConnectAsync();

        _time.Advance(TimeSpan.FromMinutes(53));
        await client.SendAsync("still there");
        Assert.Equal("still there", await client.ReceiveTextAsync());

        await CloseAsync(client, WebSocketCloseStatus.EndpointUnavailable);
        Assert.Equal(DisconnectKind.AgeReached, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
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

        await CloseAsync(client, WebSocketCloseStatus.PolicyViolation);
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

    private async Task CloseAsync(TestClient client, WebSocketCloseStatus expected)
    {
        var closing = client.ReceiveCloseAsync();
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(10));
                return closing.IsCompleted;
            },
            "the connection is closed");
        Assert.Equal(expected, (await closing).Status);
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

using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace DistributedSockets.Tests;

/// <summary>What an endpoint tells the platform about itself, and what it takes over from its handler.</summary>
public sealed class EndpointMetadataTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(HttpProtocols.Http1, null, HttpStatusCode.Unauthorized)]
    [InlineData(HttpProtocols.Http2, null, HttpStatusCode.Unauthorized)]
    [InlineData(HttpProtocols.Http1, "user", HttpStatusCode.Forbidden)]
    [InlineData(HttpProtocols.Http2, "user", HttpStatusCode.Forbidden)]
    [InlineData(HttpProtocols.Http1, "admin", null)]
    [InlineData(HttpProtocols.Http2, "admin", null)]
    public async Task CookieAuthentication_WithoutPermission_IsAStatusAndNoRedirect(HttpProtocols protocols, string? role, HttpStatusCode? refused)
    {
        await using var node = await StartWithCookiesAsync(protocols);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = node.Address };
        http.DefaultRequestVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1);
        http.DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var signedIn = await http.GetAsync($"/sign-in?role={role}", Cancellation);
        using var socket = new ClientWebSocket();
        socket.Options.HttpVersion = http.DefaultRequestVersion;
        socket.Options.HttpVersionPolicy = http.DefaultVersionPolicy;
        socket.Options.CollectHttpResponseDetails = true;
        if (role is not null)
        {
            socket.Options.SetRequestHeader("Cookie", signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        }

        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false });
        var connecting = socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/admins"), invoker, Cancellation).WithinGuardAsync();

        if (refused is null)
        {
            await connecting;
        }
        else
        {
            await Assert.ThrowsAsync<WebSocketException>(() => connecting);
            Assert.Equal(refused, socket.HttpStatusCode);
        }

        using var page = await http.GetAsync("/page", Cancellation); // which is still sent to the login page
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Theory]
    [InlineData("/attributed")]
    [InlineData("/attributed-function")]
    public async Task HandlerAttributes_Authorize_AppliesToTheEndpoint(string path)
    {
        await using var node = await StartWithCookiesAsync(HttpProtocols.Http1);
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, path), Cancellation));

        Assert.Equal(HttpStatusCode.Unauthorized, socket.HttpStatusCode);
    }

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task RequestOfAConnection_IsKnownAsLongRunningAndItsTimeIsNotCounted(HttpProtocols protocols)
    {
        Activity? activity = null;
        var options = (System.Net.WebSockets.ClientWebSocketOptions client) =>
        {
            client.HttpVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1);
            client.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        };
        await using var node = await AppNode.StartAsync(protocols: protocols, map: app =>
        {
            app.Use((context, next) =>
            {
                activity = context.Features.Get<IHttpActivityFeature>()?.Activity;
                return next(context);
            });
            app.MapGet("/page", static () => "page");
        });
        using var durations = new MetricCollector<double>(
            node.Services.GetRequiredService<IMeterFactory>(), "Microsoft.AspNetCore.Hosting", "http.server.request.duration");

        await using (var client = await node.ConnectAsync(options: options))
        {
            Assert.Equal("true", activity?.GetTagItem("http.long_running"));
        }

        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection has ended");
        using var http = new HttpClient { BaseAddress = node.Address, DefaultRequestVersion = new(protocols == HttpProtocols.Http2 ? 2 : 1, protocols == HttpProtocols.Http2 ? 0 : 1) };
        http.DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var page = await http.GetAsync("/page", Cancellation);
        Assert.Null(activity?.GetTagItem("http.long_running"));
        using var refused = await http.GetAsync("/chat", Cancellation); // no handshake: a request like any other
        Assert.Null(activity?.GetTagItem("http.long_running"));
        await durations.WaitForMeasurementsAsync(2, Cancellation).WithinGuardAsync();
        Assert.Equal(
            ["/page 200", "/chat 400"],
            durations.GetMeasurementSnapshot().Select(static measured => $"{measured.Tags["http.route"]} {measured.Tags["http.response.status_code"]}"));
    }

    [Theory]
    [InlineData(HttpProtocols.Http1, "/chat", HttpStatusCode.Forbidden)] // by the origin
    [InlineData(HttpProtocols.Http2, "/chat", HttpStatusCode.Forbidden)]
    [InlineData(HttpProtocols.Http1, "/secret", HttpStatusCode.Unauthorized)]
    [InlineData(HttpProtocols.Http2, "/secret", HttpStatusCode.Unauthorized)]
    public async Task Refusal_BehindStatusCodePages_StaysAsItIs(HttpProtocols protocols, string path, HttpStatusCode status)
    {
        var pages = 0;
        await using var node = await AppNode.StartAsync(
            protocols: protocols,
            build: static sockets =>
            {
                sockets.Services.AddAuthentication("header").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("header", null);
                sockets.Services.AddAuthorization();
            },
            map: app =>
            {
                app.UseStatusCodePagesWithReExecute("/error");
                app.UseAuthentication();
                app.UseAuthorization();
                app.MapDistributedWebSocket("/secret", static (_, _, _, _) => ValueTask.CompletedTask, "secret").RequireAuthorization();
                app.MapGet("/error", () => $"page {++pages}");
            });
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Origin", "https://evil.example");
        socket.Options.HttpVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, path), http, Cancellation));

        Assert.Equal(status, socket.HttpStatusCode);
        Assert.Equal(0, pages);
    }

    private static Task<AppNode> StartWithCookiesAsync(HttpProtocols protocols) => AppNode.StartAsync(
        protocols: protocols,
        build: static sockets =>
        {
            sockets.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie();
            sockets.Services.AddAuthorization();
        },
        map: static app =>
        {
            app.UseAuthentication();
            app.UseAuthorization();
            app.MapGet("/sign-in", static (string? role) => string.IsNullOrEmpty(role)
                ? Results.Ok()
                : Results.SignIn(
                    new ClaimsPrincipal(new ClaimsIdentity([new(ClaimTypes.Role, role)], CookieAuthenticationDefaults.AuthenticationScheme)),
                    authenticationScheme: CookieAuthenticationDefaults.AuthenticationScheme));
            app.MapGet("/page", static () => "page").RequireAuthorization();
            app.MapDistributedWebSocket("/admins", static (_, _, _, _) => ValueTask.CompletedTask, "admins").RequireAuthorization(static policy => policy.RequireRole("admin"));
            app.MapDistributedWebSocket<AttributedHandler>("/attributed");
            app.MapDistributedWebSocket("/attributed-function", [Authorize] static (_, _, _, _) => ValueTask.CompletedTask, "attributed-function");
        });

    [Authorize]
    private sealed class AttributedHandler : WebSocketHandler
    {
        public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}

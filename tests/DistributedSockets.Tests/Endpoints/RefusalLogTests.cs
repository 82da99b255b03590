using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Tests;

/// <summary>What a browser shows as close code 1006 and nothing more stands in the log, once in a while, with what would allow it.</summary>
public sealed class RefusalLogTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("http://localhost:5173", "add \"http://localhost:5173\" to DistributedWebSocketsOptions.AllowedOrigins")]
    [InlineData("HTTPS://App.Example:443", "add \"https://app.example\" to DistributedWebSocketsOptions.AllowedOrigins")]
    [InlineData("capacitor://localhost", "add \"capacitor://localhost\" to DistributedWebSocketsOptions.AllowedOrigins")]
    [InlineData("null", "a file or a sandboxed frame")]
    [InlineData("https://user:secret@app.example", "an Origin of no known form")]
    [InlineData("https://app.example?secret", "an Origin of no known form")]
    public async Task Origin_Foreign_IsLoggedWithTheOptionThatWouldAllowIt(string origin, string remedy)
    {
        await using var node = await AppNode.StartAsync();

        for (var i = 0; i < 3; i++)
        {
            await RefusedAsync(node, HttpStatusCode.Forbidden, origin: origin);
        }

        var warning = Warning(node); // of three
        Assert.Contains("403", warning.Message);
        Assert.Contains(remedy, warning.Message);
        Assert.DoesNotContain("secret", warning.Message);
        Assert.Equal(3, node.Logs.GetSnapshot().Count(static record => record is { Id.Id: 105, Level: LogLevel.Debug }));
    }

    [Fact]
    public async Task Origin_TheLogNames_IsLetInOnceItIsAllowed()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.AllowedOrigins.Add("http://localhost:5173"));

        await using var client = await node.ConnectAsync(options: static options => options.SetRequestHeader("Origin", "http://localhost:5173"));

        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id is 105 or 116);
    }

    [Theory]
    [InlineData(nameof(DistributedWebSocketsOptions.MaxConnections), HttpStatusCode.ServiceUnavailable)]
    [InlineData(nameof(DistributedWebSocketsOptions.MaxConnectionsPerAddress), HttpStatusCode.TooManyRequests)]
    [InlineData(nameof(DistributedWebSocketsOptions.MaxConnectionsPerUser), HttpStatusCode.TooManyRequests)]
    [InlineData(nameof(DistributedWebSocketsOptions.MaxHandshakesPerSecond), HttpStatusCode.ServiceUnavailable)]
    public async Task Limit_Reached_IsLoggedWithItsOption(string option, HttpStatusCode status)
    {
        await using var node = await AppNode.StartAsync(
            options: options => typeof(DistributedWebSocketsOptions).GetProperty(option)!.SetValue(options, 1),
            build: static sockets => sockets.Services.AddSingleton<TimeProvider>(new Microsoft.Extensions.Time.Testing.FakeTimeProvider()));
        await using var client = await node.ConnectAsync("u");

        await RefusedAsync(node, status, "/chat?u=u");

        Assert.Contains($"Raise DistributedWebSocketsOptions.{option} ", Warning(node).Message);
    }

    [Fact]
    public async Task UserId_NoValidName_IsLoggedWithoutIt()
    {
        await using var node = await AppNode.StartAsync();

        await RefusedAsync(node, HttpStatusCode.BadRequest, $"/chat?u={new string('x', 257)}");

        var warning = Warning(node);
        Assert.Contains("IUserIdProvider", warning.Message);
        Assert.DoesNotContain("xxx", warning.Message);
    }

    [Fact]
    public async Task Handshake_UpgradeLostAtAProxy_IsLoggedAndAPersonWithABrowserIsNot()
    {
        await using var node = await AppNode.StartAsync();
        using var http = new HttpClient { BaseAddress = node.Address };
        using (await http.GetAsync("/chat", Cancellation))
        {
            Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 116);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat");
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        using var answer = await http.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("headers Upgrade and Connection", Warning(node).Message);
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized, "RequireAuthorization")]
    [InlineData("bob", HttpStatusCode.Forbidden, "policy of RequireAuthorization")]
    public async Task Authorization_SaysNoBeforeTheEndpoint_IsLoggedAllTheSame(string? user, HttpStatusCode status, string remedy)
    {
        await using var node = await AppNode.StartAsync(
            build: static sockets =>
            {
                sockets.Services.AddAuthentication("header").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("header", null);
                sockets.Services.AddAuthorization();
            },
            front: static app => app.UseRouting().UseAuthentication().UseAuthorization(),
            map: static app => app.MapDistributedWebSocket("/private", static (_, _, _, _) => ValueTask.CompletedTask, "private")
                .RequireAuthorization(new AuthorizationPolicyBuilder().RequireUserName("alice").Build()));

        await RefusedAsync(node, status, "/private", user: user);

        Assert.Contains(remedy, Warning(node).Message);
    }

    [Fact]
    public async Task Middleware_Redirects_IsLogged()
    {
        await using var node = await AppNode.StartAsync(front: static app => app.UseRouting().Use(static (HttpContext context, RequestDelegate _) =>
        {
            context.Response.Redirect("/elsewhere");
            return Task.CompletedTask;
        }));

        await RefusedAsync(node, HttpStatusCode.Found);

        Assert.Contains("redirect", Warning(node).Message);
    }

    [Fact]
    public async Task Refusals_OfDifferentKinds_AreEachLogged()
    {
        await using var node = await AppNode.StartAsync();

        for (var i = 0; i < 5; i++)
        {
            await RefusedAsync(node, HttpStatusCode.Forbidden, origin: "https://evil.example");
        }

        await RefusedAsync(node, HttpStatusCode.BadRequest, $"/chat?u={new string('x', 257)}");

        Assert.Equal(2, node.Logs.GetSnapshot().Count(static record => record.Id.Id == 116));
    }

    private static FakeLogRecord Warning(AppNode node)
    {
        var record = Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 116);
        Assert.Equal(LogLevel.Warning, record.Level);
        Assert.Contains("1006", record.Message);
        return record;
    }

    private static async Task RefusedAsync(AppNode node, HttpStatusCode status, string path = "/chat", string? origin = null, string? user = null)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (origin is not null)
        {
            socket.Options.SetRequestHeader("Origin", origin);
        }

        if (user is not null)
        {
            socket.Options.SetRequestHeader("X-User", user);
        }

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, path), Cancellation).WithinGuardAsync());
        Assert.Equal(status, socket.HttpStatusCode);
    }
}

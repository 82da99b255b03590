using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Tests;

/// <summary>Who a connection belongs to, as its principal says.</summary>
public sealed class UserIdTests
{
    [Theory]
    [InlineData("alice", ClaimTypes.NameIdentifier, "alice")]
    [InlineData("alice", "sub", "alice")] // a JSON web token, with MapInboundClaims off
    [InlineData("alice", "sub", "alice", ClaimTypes.NameIdentifier, "alice")]
    [InlineData("by-identifier", "sub", "by-subject", ClaimTypes.NameIdentifier, "by-identifier")]
    [InlineData(null, ClaimTypes.Name, "alice")]
    public void Claims_OfThePrincipal_GiveTheUser(string? user, params string[] claims)
    {
        var context = new DefaultHttpContext { User = Principal(claims) };

        Assert.Equal(user, new ClaimsUserIdProvider().GetUserId(context));
    }

    [Fact]
    public async Task Principal_SignedInWithoutAnId_IsWarnedOfOnceWithTheTypesOfItsClaims()
    {
        await using var node = await StartAsync(Principal(ClaimTypes.Name, "s3cr3t", "email", "s3cr3t@example.com"));

        for (var i = 0; i < 3; i++)
        {
            await using var client = await node.ConnectAsync();
            Assert.Null(node.Probe.Connections[client.Id].UserId);
        }

        var warning = Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 115);
        Assert.Equal(LogLevel.Warning, warning.Level);
        Assert.Contains($"{ClaimTypes.Name}, email", warning.Message);
        Assert.Contains("IUserIdProvider", warning.Message);
        Assert.DoesNotContain("s3cr3t", warning.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Principal_WithAnIdOrAnonymous_IsNotWarnedOf(bool isAnonymous)
    {
        await using var node = await StartAsync(isAnonymous ? new(new ClaimsIdentity()) : Principal("sub", "alice"));

        await using var client = await node.ConnectAsync();

        Assert.Equal(isAnonymous ? null : "alice", node.Probe.Connections[client.Id].UserId);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 115);
    }

    private static ClaimsPrincipal Principal(params string[] claims) =>
        new(new ClaimsIdentity(claims.Chunk(2).Select(static pair => new Claim(pair[0], pair[1])), "test"));

    private static Task<AppNode> StartAsync(ClaimsPrincipal principal) => AppNode.StartAsync(
        build: static sockets => sockets.Services.Replace(ServiceDescriptor.Singleton<IUserIdProvider, ClaimsUserIdProvider>()),
        front: app => app.Use((context, next) =>
        {
            context.User = principal;
            return next(context);
        }));
}

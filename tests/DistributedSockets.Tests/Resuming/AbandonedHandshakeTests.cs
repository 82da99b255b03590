using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Handshakes that attach a session and come to nothing after that: Kestrel takes no more connections, so the answer fails.</summary>
public sealed class AbandonedHandshakeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handshake_NotAnswered_LeavesNoNewSessionBehind()
    {
        await using var node = await StartAsync();
        await using var first = await ConnectAsync(node);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await RefusedAsync(node, resume: null));

        await Eventually.TrueAsync(() => node.Hub.Sessions.All.Count == 1, "the new session is gone");
        Assert.NotNull(node.Hub.Sessions.Find(await SessionOfAsync(first)));
    }

    [Fact]
    public async Task Handshake_ThatResumesAndIsNotAnswered_LeavesTheSessionAwayForTheClientToComeAgain()
    {
        await using var node = await StartAsync();
        var words = Array.Empty<string>();
        await using (var first = await ConnectAsync(node))
        {
            words = (await first.ReceiveTextAsync()).TrimEnd('\n').Split(' ');
            first.Socket.Abort(); // closing would end the session
        }

        var resume = $"resume.{words[1]}.{words[2]}.0";
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the first connection has ended");
        await using (await EventuallyConnectAsync(node))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await RefusedAsync(node, resume));
            await Eventually.TrueAsync(() => node.Hub.Sessions.Find(words[1]) is { IsAway: true }, "the session is away");
        }

        await using var again = await EventuallyConnectAsync(node, resume);
        Assert.Equal(words[1], await SessionOfAsync(again));
    }

    private static Task<AppNode> StartAsync() => AppNode.StartAsync(build: static sockets =>
    {
        sockets.Services.Configure<KestrelServerOptions>(static kestrel => kestrel.Limits.MaxConcurrentUpgradedConnections = 1);
        sockets.AddHub<ProbeHandler>(static hub => (hub.EnableLog, hub.EnableResume) = (true, true));
    });

    private static Task<TestClient> ConnectAsync(AppNode node, string? resume = null) => TestClient.ConnectAsync(
        node.Address,
        "/chat",
        options =>
        {
            options.AddSubProtocol(ResumeV1.Name);
            if (resume is not null)
            {
                options.AddSubProtocol(resume);
            }
        },
        readId: false);

    /// <summary>Connects as soon as Kestrel has counted the connection before out.</summary>
    private static async Task<TestClient> EventuallyConnectAsync(AppNode node, string? resume = null)
    {
        TestClient? client = null;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    client = await ConnectAsync(node, resume);
                    return true;
                }
                catch (WebSocketException)
                {
                    return false;
                }
            },
            "the client is let in");
        return client!;
    }

    private static async Task<string> SessionOfAsync(TestClient client) => (await client.ReceiveTextAsync()).Split(' ')[1];

    private static async Task<HttpStatusCode> RefusedAsync(AppNode node, string? resume)
    {
        using var http = new HttpClient { BaseAddress = node.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat")
        {
            Headers =
            {
                { "Connection", "Upgrade" },
                { "Upgrade", "websocket" },
                { "Sec-WebSocket-Version", "13" },
                { "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==" },
                { "Sec-WebSocket-Protocol", resume is null ? ResumeV1.Name : $"{ResumeV1.Name}, {resume}" },
            },
        };
        using var response = await http.SendAsync(request, Cancellation);
        return response.StatusCode;
    }
}

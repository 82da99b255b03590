using System.Net;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class AdmissionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handshake_NodeIsFull_Gets503UntilAConnectionHasEnded()
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxConnections = 2);
        await using var first = await node.ConnectAsync();
        await using var second = await node.ConnectAsync();

        using var refused = await HandshakeAsync(node);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter?.Delta);
        Assert.Contains("as many connections as it may", await refused.Content.ReadAsStringAsync(Cancellation));

        await second.DisposeAsync();
        await IsAcceptedAsync(node, "the place of a connection that has ended is free");
    }

    [Fact]
    public async Task Handshake_RefusedForItsOrigin_TakesNoPlace()
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxConnections = 1);
        for (var i = 0; i < 3; i++)
        {
            using var refused = await HandshakeAsync(node, origin: "http://evil.example");
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        await using var client = await node.ConnectAsync();
    }

    [Fact]
    public async Task Handshake_MoreThanPerSecond_Gets503AndIsTakenLater()
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxHandshakesPerSecond = 1);

        // At most one more for each second that these take.
        var responses = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => HandshakeAsync(node)));
        var refused = responses.Where(static response => response.StatusCode == HttpStatusCode.ServiceUnavailable).ToArray();
        Assert.NotEmpty(refused);
        Assert.All(refused, static response => Assert.NotNull(response.Headers.RetryAfter?.Delta));
        Assert.Contains(responses, static response => response.StatusCode == HttpStatusCode.SwitchingProtocols);
        Array.ForEach(responses, static response => response.Dispose());

        await IsAcceptedAsync(node, "the next second has a place");
    }

    [Fact]
    public async Task Handshake_MoreThanPerSecond_IsTakenAgainWhenTheInjectedClockMoves()
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(
            options: options => options.MaxHandshakesPerSecond = 2, build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        await using var first = await node.ConnectAsync();
        await using var second = await node.ConnectAsync();
        for (var i = 0; i < 3; i++)
        {
            using var refused = await HandshakeAsync(node);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        }

        time.Advance(TimeSpan.FromSeconds(0.5)); // room for one, whoever was refused before

        await using var third = await node.ConnectAsync();
        using var another = await HandshakeAsync(node);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, another.StatusCode);
    }

    [Fact]
    public async Task Handshake_UserHasConnectionsOnAnotherNode_CountsThemAll()
    {
        var cluster = new InMemoryCluster();
        await using var here = await AppNode.StartAsync(cluster, options => options.MaxConnectionsPerUser = 2);
        await using var there = await AppNode.StartAsync(cluster, options => options.MaxConnectionsPerUser = 2);
        await using var first = await here.ConnectAsync("ann");
        await using var second = await there.ConnectAsync("ann");
        await Eventually.TrueAsync(
            async () => await here.Store.CountAsync(SessionQuery.ForUser("probe", "ann"), Cancellation) == 2, "both sessions are known");

        using var refused = await HandshakeAsync(here, user: "ann");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        await using var other = await here.ConnectAsync("bob");

        await second.DisposeAsync();
        await IsAcceptedAsync(here, "a connection that has ended does not count", user: "ann");
    }

    [Fact]
    public async Task Handshake_AddressHasTooMany_Gets429UntilOneHasEnded()
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxConnectionsPerAddress = 2);
        await using var first = await node.ConnectAsync();
        await using var second = await node.ConnectAsync();

        using var refused = await HandshakeAsync(node);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);

        await first.DisposeAsync();
        await IsAcceptedAsync(node, "a connection that has ended does not count");
    }

    private static Task IsAcceptedAsync(AppNode node, string expectation, string? user = null) => Eventually.TrueAsync(
        async () =>
        {
            using var response = await HandshakeAsync(node, user: user);
            return response.StatusCode == HttpStatusCode.SwitchingProtocols;
        },
        expectation);

    private static async Task<HttpResponseMessage> HandshakeAsync(AppNode node, string? origin = null, string? user = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, user is null ? "/chat" : $"/chat?u={user}"));
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        if (origin is not null)
        {
            request.Headers.TryAddWithoutValidation("Origin", origin);
        }

        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation).WithinGuardAsync();
    }
}

using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>Whatever goes well or wrong, no payload, token or password stands in a log, an exception of ours or the answer of the health check.</summary>
public sealed class SecretTests
{
    private const string Secret = "s3cr3t";

    /// <summary>32 bytes in base64, with the word in them.</summary>
    private const string SealingKey = "s3cr3tAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    /// <summary>The platform logs each request with its query string; what apps can do about it is in docs/security.md.</summary>
    private const string PlatformRequestLog = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Traffic_AsLongAsRedisIsThere_LeavesNoSecretInTheLog(bool isSealed)
    {
        await using var redis = new RedisFixture();
        RequirePassword(redis.Server, $"{Secret}-redis");
        await redis.InitializeAsync();
        var prefix = $"secret-{Guid.NewGuid():N}";
        var connection = $"{redis.EndPoint},password={Secret}-redis";
        var key = isSealed ? SealingKey : null;
        await using var sender = await RedisNode.StartAsync(connection, prefix, envelopeKey: key);
        await using var node = await RedisNode.StartAsync(connection, prefix, envelopeKey: key, onMessage: static async (connection, message, cancellationToken) =>
        {
            if (message.GetText().Contains("throw", StringComparison.Ordinal))
            {
                throw new InvalidOperationException("The handler failed.");
            }

            await connection.SendAsync(message, cancellationToken);
        });
        await node.HealthyAsync();

        await using var client = await node.ConnectAsync("alice", WithTokens, $"access_token={Secret}-query");
        await sender.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        await client.SendAsync($"{Secret}-echo");
        Assert.Equal($"{Secret}-echo", await client.ReceiveAsync());
        await sender.Router.SendToUserAsync("alice", $"{Secret}-user", Cancellation);
        await client.ReceiveUntilAsync($"{Secret}-user"); // messages to different targets may overtake each other
        await sender.Router.SendToGroupAsync("red", new Dictionary<string, string> { ["card"] = $"{Secret}-json" }, cancellationToken: Cancellation);
        await client.ReceiveUntilAsync($$"""{"card":"{{Secret}}-json"}""");
        await sender.Router.SendToAllAsync(WebSocketMessage.Binary(Encoding.UTF8.GetBytes($"{Secret}-bytes")), Cancellation);
        await client.ReceiveUntilAsync($"{Secret}-bytes");

        await RefusedAsync(node);
        await EndedAsync(node, sender);
        await PlantedAsync(connection, prefix, node);
        await sender.Router.SendToUserAsync("alice", "last", Cancellation);
        Assert.Equal("last", await client.ReceiveAsync());

        // Redis goes, with messages on their way.
        await redis.Server.KillAsync();
        await AssertSendFailsDiscreetlyAsync(sender);
        await Eventually.TrueAsync(async () => (await node.HealthAsync()).Status == HealthStatus.Degraded, "the node notices");
        await AssertDiscreetAsync(sender);
        await AssertDiscreetAsync(node, 101, 102, 105, 150, 160);
    }

    [Fact]
    public async Task Redis_WithAnotherPassword_LeavesNoSecretInTheLog()
    {
        await using var redis = new RedisFixture();
        RequirePassword(redis.Server, "other");
        await redis.InitializeAsync();

        await AssertDiscreetAsync($"{redis.EndPoint},user={Secret}-name,password={Secret}-redis,connectTimeout=1000");
    }

    [Fact]
    public async Task Redis_NotThere_LeavesNoSecretInTheLog() =>
        await AssertDiscreetAsync($"127.0.0.1:1,user={Secret}-name,password={Secret}-redis,connectTimeout=1000");

    [Fact]
    public async Task Redis_RepeatingWhatItWasAsked_LeavesNoSecretInTheLog()
    {
        await using var server = new EchoingServer();

        await AssertDiscreetAsync($"{server.EndPoint},user={Secret}-name,password={Secret}-redis,connectTimeout=1000");

        Assert.True(server.Repeated > 0);
    }

    /// <summary>A managed Redis may have taken commands away, and then says so with the arguments, up to 128 bytes of them.</summary>
    [Fact]
    public async Task Redis_WithCommandsTakenAway_LeavesNoSecretInTheLog()
    {
        await using var redis = new RedisServer();
        redis.SkipUnlessAvailable();
        foreach (var command in new[] { "PUBLISH", "EVAL", "HSET" })
        {
            redis.ExtraArguments.Add("--rename-command");
            redis.ExtraArguments.Add(command);
            redis.ExtraArguments.Add("");
        }

        await redis.StartAsync();

        await AssertDiscreetAsync(redis.EndPoint);
        await using var store = RedisFactory.SessionStore(redis.EndPoint, "secret");
        var refusal = await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.RenewLeaseAsync(
            new() { NodeId = "n1", Name = $"{Secret}-name", StartedAt = DateTimeOffset.UnixEpoch }, TimeSpan.FromMinutes(1), Cancellation));
        Assert.Contains("unknown command", refusal.ToString());
        Assert.DoesNotContain(Secret, refusal.ToString());
    }

    private static void RequirePassword(RespServer server, string password)
    {
        foreach (var argument in server is RedisServer ? ["--requirepass", password] : new[] { "--auth", "Password", "--password", password })
        {
            server.ExtraArguments.Add(argument);
        }
    }

    private static void WithTokens(ClientWebSocketOptions options)
    {
        options.SetRequestHeader("Authorization", $"Bearer {Secret}-bearer");
        options.SetRequestHeader("Cookie", $"session={Secret}-cookie");
        options.AddSubProtocol($"{Secret}-protocol");
    }

    /// <summary>Handshakes that are refused.</summary>
    private static async Task RefusedAsync(RedisNode node)
    {
        await Assert.ThrowsAsync<WebSocketException>(() => node.ConnectAsync($"{Secret}-{new string('x', 300)}"));
        await Assert.ThrowsAsync<WebSocketException>(() => node.ConnectAsync("bob", options => options.SetRequestHeader("Origin", $"https://user:{Secret}@evil.example")));
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, $"/chat?token={Secret}-query"));
        request.Headers.Add("Authorization", $"Bearer {Secret}-bearer");
        using var answer = await http.SendAsync(request, Cancellation);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.DoesNotContain(Secret, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    /// <summary>Connections that end in every way that a peer or handler can cause.</summary>
    private static async Task EndedAsync(RedisNode node, RedisNode sender)
    {
        await using (var client = await node.ConnectAsync("bob"))
        {
            await client.SendAsync($"throw {Secret}");
            Assert.Equal("", await client.ReceiveAsync());
        }

        await using (var client = await node.ConnectAsync("bob"))
        {
            await client.Socket.SendAsync(Encoding.Latin1.GetBytes($"{Secret}-\xff"), WebSocketMessageType.Text, true, Cancellation);
            Assert.Equal("", await client.ReceiveAsync());
        }

        await using (var client = await node.ConnectAsync("bob"))
        {
            await client.SendAsync(string.Concat(Enumerable.Repeat(Secret, 100_000)));
            Assert.Equal("", await client.ReceiveAsync());
        }

        await using (var client = await node.ConnectAsync("bob"))
        {
            await client.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, $"{Secret}-close", Cancellation);
        }

        await using (var client = await node.ConnectAsync("bob"))
        {
            await sender.Router.DisconnectAsync(client.Id, reason: $"{Secret}-kick", cancellationToken: Cancellation);
            Assert.Equal("", await client.ReceiveAsync());
        }
    }

    /// <summary>Bytes on our channels and in our keys that cannot be read.</summary>
    private static async Task PlantedAsync(string connection, string prefix, RedisNode node)
    {
        await using var foreign = await ConnectionMultiplexer.ConnectAsync(connection);
        await foreign.GetSubscriber().PublishAsync(RedisChannel.Literal($"{prefix}:v1:{RedisNode.Hub}:all"), $"{Secret}-published");
        var keys = new RedisSessionKeys(prefix, node.Info.NodeId);
        var database = foreign.GetDatabase();
        await Eventually.TrueAsync(
            async () =>
            {
                // The node's next heartbeat may take some of it away before it is read, and then it is planted again.
                await database.HashSetAsync(keys.Sessions(RedisNode.Hub), "planted", $"{Secret}-session");
                await database.StringSetAsync(new RedisSessionKeys(prefix, "planted").Lease, $"{Secret}-lease", TimeSpan.FromMinutes(1));
                await database.HashSetAsync(RedisSessionKeys.Nodes(prefix), "planted", $"nul{Secret}-node");
                await database.KeyDeleteAsync(keys.Users(RedisNode.Hub));
                await database.StringSetAsync(keys.Users(RedisNode.Hub), $"{Secret}-users");
                await node.ConnectionsAsync(SessionQuery.ForHub(RedisNode.Hub));
                await node.Store.ListNodesAsync(Cancellation);
                await node.Store.IsOnlineAsync(RedisNode.Hub, "alice", Cancellation);
                var logged = node.Logs.GetSnapshot().Select(static entry => entry.Id.Id).ToHashSet();
                return logged.IsSupersetOf([1020, 1021, 1024]);
            },
            "what was planted is reported");
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(entry => entry.Id.Id == 150), "the message is reported");
    }

    /// <summary>Runs a node whose Redis cannot be used, with clients.</summary>
    private static async Task AssertDiscreetAsync(string connectionString)
    {
        await using var node = await RedisNode.StartAsync(connectionString, $"secret-{Guid.NewGuid():N}");
        await Eventually.TrueAsync(async () => (await node.HealthAsync()).Status == HealthStatus.Degraded, "the node notices");
        await using var client = await node.ConnectAsync("alice", WithTokens, $"access_token={Secret}-query");
        await client.SendAsync($"{Secret}-echo");
        Assert.Equal($"{Secret}-echo", await client.ReceiveAsync());
        await AssertSendFailsDiscreetlyAsync(node);
        var session = new Session
        {
            Hub = RedisNode.Hub, NodeId = node.Info.NodeId, ConnectionId = client.Id, UserId = $"{Secret}-user", ConnectedAt = DateTimeOffset.UnixEpoch,
        };
        var failure = await Assert.ThrowsAsync<SessionStoreUnavailableException>(
            async () => await node.Store.CommitAsync(node.Info.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation));
        Assert.DoesNotContain(Secret, failure.ToString());
        await AssertDiscreetAsync(node, 208);
    }

    private static async Task AssertSendFailsDiscreetlyAsync(RedisNode node) => await Eventually.TrueAsync(
        async () =>
        {
            try
            {
                await node.Router.SendToUserAsync("alice", $"{Secret}-lost", Cancellation);
                return false;
            }
            catch (BackplaneUnavailableException exception)
            {
                Assert.DoesNotContain(Secret, exception.ToString());
                return true;
            }
        },
        "a send fails");

    /// <param name="node">The node.</param>
    /// <param name="expected">Events that must be among what was logged, or this would prove little.</param>
    private static async Task AssertDiscreetAsync(RedisNode node, params int[] expected)
    {
        var health = await node.HealthAsync();
        Assert.All(health.Entries, entry => Assert.DoesNotContain(
            Secret, $"{entry.Value.Description} {entry.Value.Exception} {string.Join(' ', entry.Value.Data)}"));
        await node.DisposeAsync(); // what is logged at the end counts too
        var logged = node.Logs.GetSnapshot();
        Assert.All(expected, id => Assert.Contains(logged, entry => entry.Id.Id == id));
        foreach (var entry in logged.Where(entry => entry.Category != PlatformRequestLog))
        {
            var all = string.Join(
                ' ', [entry.Message, entry.Exception?.ToString(), .. (entry.StructuredState ?? []).Select(pair => pair.Value), .. entry.Scopes.Select(scope => $"{scope}")]);
            Assert.False(all.Contains(Secret, StringComparison.OrdinalIgnoreCase), $"{entry.Category} {entry.Id}: {all}");
        }
    }
}

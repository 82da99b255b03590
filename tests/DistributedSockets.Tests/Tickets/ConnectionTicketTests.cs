using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>One-use tickets as clients of a cluster get and use them.</summary>
public sealed class ConnectionTicketTests
{
    private readonly InMemoryCluster _cluster;
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly EphemeralDataProtectionProvider _keys = new();

    public ConnectionTicketTests() => _cluster = new(_time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ticket_OfOneNode_OpensOneConnectionAtAnotherAsWhoAskedForIt()
    {
        await using var node = await StartAsync();
        await using var other = await StartAsync();
        var ticket = await GetTicketAsync(node, "alice");

        await using var client = await TestClient.ConnectAsync(other.Address, $"/private?ticket={ticket}", readId: false);
        await client.SendAsync("who");

        Assert.Equal("alice", await client.ReceiveTextAsync());
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(other, $"?ticket={ticket}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(node, $"?ticket={ticket}"));
    }

    [Fact]
    public async Task Answer_HoldsTicketAndTimeAndIsNotCached()
    {
        await using var node = await StartAsync();

        using var answer = await AskAsync(node, "alice");

        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        Assert.True(answer.Headers.CacheControl?.NoStore);
        var json = (await answer.Content.ReadFromJsonAsync<JsonObject>(Cancellation))!;
        Assert.Equal(30, (int?)json["expiresIn"]);
        Assert.Equal(43, ((string?)json["ticket"])?.Length);
    }

    [Fact]
    public async Task Ticket_WithoutASignIn_IsNotGivenOut()
    {
        await using var node = await StartAsync();

        using var answer = await AskAsync(node, user: null);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?ticket=")]
    [InlineData("?ticket=short")]
    [InlineData("?ticket=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] // well-formed, and of nobody
    [InlineData("?ticket=a&ticket=b")]
    [InlineData("?ticket=%00%ff")]
    public async Task Handshake_WithoutATicketThatWasGivenOut_Gets401(string query)
    {
        await using var node = await StartAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(node, query));
    }

    [Fact]
    public async Task Ticket_ItsTimeIsOver_OpensNothing()
    {
        await using var node = await StartAsync();
        var ticket = await GetTicketAsync(node, "alice");

        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(node, $"?ticket={ticket}"));
    }

    [Fact]
    public async Task Connection_OfATicket_EndsWithTheAuthenticationThatAskedForIt()
    {
        await using var node = await StartAsync();
        var expires = DateTimeOffset.UnixEpoch.AddYears(100);
        var ticket = await GetTicketAsync(node, "alice", expires);

        await using var client = await TestClient.ConnectAsync(node.Address, $"/private?ticket={ticket}", readId: false);
        await client.SendAsync("until");

        Assert.Equal($"{expires:O}", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task StoreAway_TicketAndHandshake_Get503()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store);
        var ticket = await GetTicketAsync(node, "alice");
        store.IsAway = true;

        using var answer = await AskAsync(node, "alice");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await RefusedAsync(node, $"?ticket={ticket}"));
        Assert.Single(node.Logs.GetSnapshot(), static record => record is { Id.Id: 221, Level: LogLevel.Warning, Exception: null });
        Assert.Contains("store of connection tickets", Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 116).Message);
    }

    [Fact]
    public async Task Store_ReadAndWrittenByOthers_GivesThemNothing()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store);
        var (alice, mallory) = (await GetTicketAsync(node, "alice"), await GetTicketAsync(node, "mallory"));
        var ((aliceKey, aliceKept), (malloryKey, _)) = (store.Kept[0], store.Kept[1]);

        Assert.DoesNotContain(alice, $"{aliceKey} {Convert.ToBase64String(aliceKept)}");
        Assert.DoesNotContain("alice", System.Text.Encoding.Latin1.GetString(aliceKept));
        store.Kept[1] = (malloryKey, aliceKept); // what Alice's ticket stands for, under the name of another

        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(node, $"?ticket={mallory}"));
        store.Kept.Add((aliceKey, aliceKept)); // put back after it was used, and long after its time
        await using (await TestClient.ConnectAsync(node.Address, $"/private?ticket={alice}", readId: false))
        {
        }

        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(node, $"?ticket={alice}"));
    }

    [Fact]
    public async Task Keys_NotShared_IsRefusedAndSaidInTheLog()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store);
        await using var stranger = await StartAsync(store, new EphemeralDataProtectionProvider());
        var ticket = await GetTicketAsync(node, "alice");

        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(stranger, $"?ticket={ticket}"));

        Assert.Single(stranger.Logs.GetSnapshot(), static record => record is { Id.Id: 220, Level: LogLevel.Error });
    }

    [Theory]
    [InlineData(999)]
    [InlineData(3_600_001)]
    public async Task Map_LifetimeOutOfRange_IsRefused(int milliseconds) =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => StartAsync(lifetime: TimeSpan.FromMilliseconds(milliseconds)));

    [Fact]
    public async Task Map_WithoutTheScheme_SaysWhatToCall()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(
            () => AppNode.StartAsync(map: static app => app.MapConnectionTickets("/ticket")));

        Assert.Contains("AddConnectionTickets()", exception.Message);
    }

    private static async Task<HttpResponseMessage> AskAsync(AppNode node, string? user, DateTimeOffset? expires = null)
    {
        using var http = new HttpClient { BaseAddress = node.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/ticket");
        if (user is not null)
        {
            request.Headers.Add("X-User", user);
        }

        if (expires is not null)
        {
            request.Headers.Add("X-Expires", $"{expires:O}");
        }

        return await http.SendAsync(request, Cancellation).WithinGuardAsync();
    }

    private static async Task<string> GetTicketAsync(AppNode node, string user, DateTimeOffset? expires = null)
    {
        using var answer = await AskAsync(node, user, expires);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (string)(await answer.Content.ReadFromJsonAsync<JsonObject>(Cancellation))!["ticket"]!;
    }

    private static async Task<HttpStatusCode> RefusedAsync(AppNode node, string query)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(
            () => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, $"/private{query}"), Cancellation).WithinGuardAsync());
        return socket.HttpStatusCode;
    }

    private Task<AppNode> StartAsync(IConnectionTicketStore? store = null, IDataProtectionProvider? keys = null, TimeSpan? lifetime = null) => AppNode.StartAsync(
        _cluster,
        build: sockets =>
        {
            sockets.Services.AddSingleton<TimeProvider>(_time);
            sockets.Services.RemoveAll<IUserIdProvider>();
            sockets.Services.AddSingleton<IUserIdProvider, ClaimsUserIdProvider>();
            sockets.Services.AddAuthentication("header").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("header", null).AddConnectionTickets();
            sockets.Services.AddAuthorization();
            sockets.Services.AddSingleton(keys ?? _keys);
            if (store is not null)
            {
                sockets.Services.AddSingleton(store);
            }
        },
        front: static app => app.UseRouting().UseAuthentication().UseAuthorization(),
        map: app =>
        {
            app.MapConnectionTickets("/ticket", lifetime);
            app.MapDistributedWebSocket(
                "/private",
                static async (connection, message, _, token) =>
                    await connection.SendAsync(message.GetText() == "who" ? connection.UserId! : $"{connection.AuthenticationExpiresAt:O}", token),
                "private").RequireConnectionTicket();
        });

    /// <summary>A store whose content the test reads and writes.</summary>
    private sealed class RecordingStore : IConnectionTicketStore
    {
        internal List<(string Key, byte[] Ticket)> Kept { get; } = [];

        internal bool IsAway { get; set; }

        public ValueTask AddAsync(string key, ReadOnlyMemory<byte> ticket, TimeSpan lifetime, CancellationToken cancellationToken = default)
        {
            ThrowIfAway();
            Kept.Add((key, ticket.ToArray()));
            return ValueTask.CompletedTask;
        }

        public ValueTask<byte[]?> TakeAsync(string key, CancellationToken cancellationToken = default)
        {
            ThrowIfAway();
            var index = Kept.FindIndex(kept => kept.Key == key);
            if (index < 0)
            {
                return default;
            }

            var ticket = Kept[index].Ticket;
            Kept.RemoveAt(index);
            return new(ticket);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private void ThrowIfAway()
        {
            if (IsAway)
            {
                throw new SessionStoreUnavailableException("away");
            }
        }
    }
}

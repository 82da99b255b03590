using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text.Json.Nodes;
using DistributedSockets.Docs.Tests.Snippets.SigningIn;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static DistributedSockets.Docs.Tests.Outages.AwayApp;

namespace DistributedSockets.Docs.Tests.Outages;

/// <summary>The recipes of <c>docs/signing-in.md</c>, with Redis away: who signs in connects all the same.</summary>
public sealed class SigningInTests
{
    private static readonly SymmetricSecurityKey s_key = new("a key of 32 bytes that is for tests"u8.ToArray());

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    [Runs("signing-in-cookies", "signing-in-cookies-map", "signing-in-keys")]
    public async Task Cookies_RightPassword_OpensAConnectionThatSigningOutEnds()
    {
        var keys = Directory.CreateTempSubdirectory("keys-");
        try
        {
            await using var app = await RunAsync(
                builder =>
                {
                    builder.Configuration["Keys"] = keys.FullName;
                    builder.Services.AddSingleton<IAccounts, OneAccount>();
                    SigningInProgram.Cookies(builder);
                    SigningInProgram.Keys(builder);
                },
                SigningInProgram.MapCookies);
            using var visitor = app.NewVisitor();
            Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(visitor, "/chat"));
            using var wrong = await visitor.Http.PostAsJsonAsync("/sign-in", new { name = "Alice", password = "wrong" }, Cancelled);
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
            using var right = await visitor.Http.PostAsJsonAsync("/sign-in", new { name = "Alice", password = "right" }, Cancelled);
            Assert.Equal(HttpStatusCode.OK, right.StatusCode);

            using var client = await visitor.ConnectAsync("/chat");
            await SendAsync(client, "hi");
            Assert.Equal("alice-17: hi", await ReceiveAsync(client));

            using var left = await visitor.Http.PostAsync("/sign-out", null, Cancelled); // those on other nodes were not reached, and so it says
            Assert.False(left.IsSuccessStatusCode);
            var end = await client.ReceiveAsync(new byte[100], Cancelled).WithinGuardAsync();
            Assert.Equal((WebSocketMessageType.Close, "signed out"), (end.MessageType, client.CloseStatusDescription));
            Assert.NotEmpty(keys.EnumerateFiles());
        }
        finally
        {
            keys.Delete(recursive: true);
        }
    }

    [Fact]
    [Runs("signing-in-tokens", "signing-in-tokens-map")]
    public async Task Token_InTheQuery_IsTheUserAndStandsInNoLog()
    {
        var logs = new TextLog();
        await using var app = await RunAsync(
            builder =>
            {
                SigningInProgram.Tokens(builder);
                WithTestKey(builder);
                builder.Configuration["Logging:LogLevel:Default"] = "Trace";
                builder.Logging.AddProvider(logs);
            },
            SigningInProgram.MapTokens);
        using var visitor = app.NewVisitor();
        var (token, expired) = (Token("alice-17", TimeSpan.FromHours(1)), Token("alice-17", TimeSpan.FromHours(-1)));

        using var client = await visitor.ConnectAsync($"/chat?access_token={token}");
        await SendAsync(client, "hi");

        Assert.Equal("alice-17: hi", await ReceiveAsync(client));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(visitor, "/chat"));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(visitor, $"/chat?access_token={expired}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(visitor, $"/chat?access_token={token[..^3]}abc"));
        Assert.Contains(logs.Lines, static line => line.Contains("1006", StringComparison.Ordinal)); // so it heard what there was
        Assert.DoesNotContain(logs.Lines, line => line.Contains(token[..40], StringComparison.Ordinal) || line.Contains(expired[..60], StringComparison.Ordinal));
        Assert.DoesNotContain(logs.Lines, static line => line.Contains("access_token=", StringComparison.Ordinal));
    }

    [Fact]
    [Runs("signing-in-tickets", "signing-in-tickets-map")]
    public async Task Ticket_AskedForWithAToken_OpensOneConnection()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                SigningInProgram.Tickets(builder);
                WithTestKey(builder);
            },
            SigningInProgram.MapTickets,
            static services => services.AddDistributedWebSockets().UseConnectionTicketStore<InMemoryConnectionTicketStore>()); // with that of Redis there are none, see below
        using var visitor = app.NewVisitor();
        using var stranger = await visitor.Http.PostAsync("/chat/ticket", null, Cancelled);
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        visitor.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token("alice-17", TimeSpan.FromHours(1)));
        using var answer = await visitor.Http.PostAsync("/chat/ticket", null, Cancelled);
        var ticket = (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>(Cancelled))!["ticket"];

        using var client = await visitor.ConnectAsync($"/chat?ticket={ticket}");
        await SendAsync(client, "hi");

        Assert.Equal("alice-17: hi", await ReceiveAsync(client));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(visitor, $"/chat?ticket={ticket}"));
    }

    [Fact]
    public async Task Ticket_RedisAway_IsRefusedWith503()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                SigningInProgram.Tickets(builder);
                WithTestKey(builder);
            },
            SigningInProgram.MapTickets);
        using var visitor = app.NewVisitor();
        visitor.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token("alice-17", TimeSpan.FromHours(1)));

        using var answer = await visitor.Http.PostAsync("/chat/ticket", null, Cancelled);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await RefusedAsync(visitor, $"/chat?ticket={new string('A', 43)}"));
    }

    [Fact]
    [Runs("signing-in-claim", "signing-in-claim-use")]
    public async Task Claim_OfTheAppsChoice_IsTheUser()
    {
        await using var app = await RunAsync(
            static builder =>
            {
                SigningInProgram.Tokens(builder);
                SigningInProgram.OtherClaim(builder);
                WithTestKey(builder);
            },
            SigningInProgram.MapTokens);
        using var visitor = app.NewVisitor();

        using var client = await visitor.ConnectAsync($"/chat?access_token={Token("alice-17", TimeSpan.FromHours(1), new Claim("email", "alice@example.com"))}");
        await SendAsync(client, "hi");

        Assert.Equal("alice@example.com: hi", await ReceiveAsync(client));
    }

    private static void WithTestKey(WebApplicationBuilder builder) => builder.Services.PostConfigure<JwtBearerOptions>(
        JwtBearerDefaults.AuthenticationScheme, static options => options.TokenValidationParameters = new()
        {
            IssuerSigningKey = s_key,
            ValidIssuer = "tests",
            ValidAudience = "chat",
        });

    private static string Token(string subject, TimeSpan lifetime, params Claim[] claims) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = "tests",
        Audience = "chat",
        Subject = new ClaimsIdentity([new("sub", subject), .. claims]),
        NotBefore = DateTime.UtcNow.AddHours(-2),
        Expires = DateTime.UtcNow + lifetime,
        SigningCredentials = new(s_key, SecurityAlgorithms.HmacSha256),
    });

    private static async Task<HttpStatusCode> RefusedAsync(Visitor visitor, string path)
    {
        var refusal = await Assert.ThrowsAsync<WebSocketException>(() => visitor.ConnectAsync(path));
        return (HttpStatusCode)refusal.Data["status"]!;
    }

    private sealed class OneAccount : IAccounts
    {
        public Task<string?> CheckAsync(string name, string password) => Task.FromResult((name, password) is ("Alice", "right") ? "alice-17" : null);
    }
}

using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.WebPubSub.Tests.Tokens;

public sealed class AccessTokenReaderTests
{
    private static readonly DateTimeOffset s_now = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly AccessTokenReader _reader = new(
        Options.Create(new WebPubSubOptions { AccessKey = TestTokens.Key, SecondaryAccessKey = "the other access key of the tests" }), new FakeTimeProvider(s_now));

    public static TheoryData<string> Broken => ["", "a", "a.b", "a.b.c", "..", "....", new string('x', 300_000), "\0", "é.é.é"];

    [Theory]
    [InlineData(TestTokens.Key)]
    [InlineData("the other access key of the tests")]
    public async Task Token_OfEitherKey_IsReadWithItsClaims(string key)
    {
        var token = await _reader.ReadAsync(Sign(
            new() { ["aud"] = "http://host/client/hubs/chat", ["sub"] = "alice", ["role"] = new JsonArray("r1", "r2"), ["webpubsub.group"] = "one.group" }, key));

        Assert.NotNull(token);
        Assert.Equal("alice", token.Subject);
        Assert.Equal(["r1", "r2"], token.Roles);
        Assert.Equal(["one.group"], token.Groups);
        Assert.Equal(["http://host/client/hubs/chat"], token.Audiences);
    }

    [Fact]
    public async Task Token_WithOneRoleAsTextAndGroupsAsList_IsRead()
    {
        var token = await _reader.ReadAsync(Sign(new() { ["role"] = "r1", ["webpubsub.group"] = new JsonArray("a", "b") }));

        Assert.Equal(["r1"], token!.Roles);
        Assert.Equal(["a", "b"], token.Groups);
        Assert.Null(token.Subject);
    }

    [Theory]
    [InlineData("HS256", "a foreign key that nobody knows here")]
    [InlineData("none", TestTokens.Key)]
    [InlineData("HS512", TestTokens.Key)]
    [InlineData("hs256", TestTokens.Key)]
    public async Task Token_OfAnotherKeyOrAlgorithm_IsNone(string algorithm, string key) =>
        Assert.Null(await _reader.ReadAsync(TestTokens.Sign(new() { ["sub"] = "alice" }, key, algorithm, s_now)));

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Token_ThatIsBroken_IsNone(string token) => Assert.Null(await _reader.ReadAsync(token));

    [Theory]
    [InlineData(1, true)]
    [InlineData(0, false)]
    [InlineData(-1, false)]
    public async Task Token_ThatRunsOut_IsNoneFromThenOn(int seconds, bool isValid) =>
        Assert.Equal(isValid, await _reader.ReadAsync(Sign(new() { ["exp"] = s_now.AddSeconds(seconds).ToUnixTimeSeconds() })) is not null);

    [Theory]
    [InlineData(299, true)]
    [InlineData(301, false)]
    public async Task Token_OfAClockThatIsAhead_IsValidFiveMinutesEarly(int seconds, bool isValid) =>
        Assert.Equal(isValid, await _reader.ReadAsync(Sign(new() { ["nbf"] = s_now.AddSeconds(seconds).ToUnixTimeSeconds() })) is not null);

    [Fact]
    public async Task Token_WithoutExpiry_IsNone()
    {
        var token = Sign(new() { ["exp"] = "never" });

        Assert.Null(await _reader.ReadAsync(token));
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("1")]
    [InlineData("{\"a\":1}")]
    [InlineData("[[\"a\"]]")]
    [InlineData("true")]
    public async Task Token_WithRolesOrGroupsThatAreNoTexts_IsNone(string value)
    {
        Assert.Null(await _reader.ReadAsync(Sign(new() { ["role"] = JsonNode.Parse(value) })));
        Assert.Null(await _reader.ReadAsync(Sign(new() { ["webpubsub.group"] = JsonNode.Parse(value) })));
    }

    [Fact]
    public async Task Token_WithTenThousandGroups_IsRead()
    {
        var groups = new JsonArray([.. Enumerable.Range(0, 10_000).Select(i => JsonValue.Create($"g{i}"))]);

        Assert.Equal(10_000, (await _reader.ReadAsync(Sign(new() { ["webpubsub.group"] = groups })))!.Groups.Count);
    }

    [Theory]
    [InlineData("http://host:8080/client/hubs/chat", true)]
    [InlineData("http://HOST:8080/client/hubs/Chat", true)]
    [InlineData("http://host:8080/client/hubs/chat/", true)]
    [InlineData("http://host:8080/client/?hub=chat", true)]
    [InlineData("https://host:8080/client/hubs/chat", false)]
    [InlineData("ws://host:8080/client/hubs/chat", false)]
    [InlineData("http://host/client/hubs/chat", false)]
    [InlineData("http://other:8080/client/hubs/chat", false)]
    [InlineData("http://host:8080@other/client/hubs/chat", false)]
    [InlineData("http://host:8080/client/hubs/other", false)]
    [InlineData("http://host:8080/client/hubs/", false)]
    [InlineData("http://host:8080/api/hubs/chat/:send", false)]
    [InlineData("http://host:8080", false)]
    [InlineData("/client/hubs/chat", false)]
    [InlineData("", false)]
    public void Audience_OfAClient_IsTheOriginAndTheHub(string audience, bool isRight)
    {
        var request = new DefaultHttpContext().Request;
        (request.Scheme, request.Host) = ("http", new("host:8080"));

        Assert.Equal(isRight, Audience.IsOfClient([audience], "chat", request, new()));
        Assert.True(Audience.IsOfClient([audience, "http://host:8080/client/hubs/chat"], "chat", request, new()));
    }

    [Theory]
    [InlineData("https://ws.example.com/client/hubs/chat", true)]
    [InlineData("https://ws.example.com:443/client/hubs/chat", true)]
    [InlineData("http://host/client/hubs/chat", false)]
    public void Audience_WherePublicOriginsAreGiven_IsOneOfThem(string audience, bool isRight)
    {
        var request = new DefaultHttpContext().Request;
        (request.Scheme, request.Host) = ("http", new("host"));

        Assert.Equal(isRight, Audience.IsOfClient([audience], "chat", request, new() { PublicOrigins = { "https://a.example", "https://ws.example.com" } }));
    }

    private static string Sign(JsonObject claims, string key = TestTokens.Key) => TestTokens.Sign(claims, key, now: s_now);
}

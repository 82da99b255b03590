using System.Net.Http.Headers;
using System.Text.Json;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>What the REST interface refuses, and how it says so.</summary>
public sealed class RestRefusalTests(RestCluster cluster) : IClassFixture<RestCluster>
{
    private const string Path = "/api/hubs/chat/:send?api-version=2024-12-01";

    private string Url => new Uri(cluster.Api, Path).AbsoluteUri;

    private string Origin => cluster.Api.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task Token_OfEitherKeyWithOrWithoutTheQuery_IsTaken()
    {
        foreach (var token in new[] { RestCluster.Token(Url), RestCluster.Token(Url, RestCluster.OtherKey), RestCluster.Token(Url[..Url.IndexOf('?', StringComparison.Ordinal)]) })
        {
            Assert.Equal(202, await SendAsync(token));
        }
    }

    [Fact]
    public async Task Token_ThatIsNotValidForTheRequest_IsRefused()
    {
        var valid = RestCluster.Token(Url);
        string?[] tokens =
        [
            null, "x", "..", $"{valid}x", valid[..^5], $"{valid[..valid.LastIndexOf('.')]}.",
            RestCluster.Token(Url, "another key of sixteen bytes and more"),
            RestCluster.Token(Url, lifetime: TimeSpan.FromSeconds(-1)),
            RestCluster.Token(Url, algorithm: "none"),
            RestCluster.Token(Url, algorithm: "HS512"),
            RestCluster.Token($"{Origin}/client/hubs/chat"), // of a client
            RestCluster.Token($"{Origin}/api/hubs/chat/:closeConnections"),
            RestCluster.Token($"{Origin}/api/hubs/chat"),
            RestCluster.Token($"{Origin}/api/hubs/chat/:sendx"),
            RestCluster.Token($"{Url}&excluded=x"),
            RestCluster.Token($"{Origin}/api/hubs/CHAT/:send"), // another URL, although the same hub
            RestCluster.Token(Url.Replace("127.0.0.1", "example.com", StringComparison.Ordinal)),
            RestCluster.Token(Url.Replace("http:", "https:", StringComparison.Ordinal)),
            RestCluster.Token(Path),
            RestCluster.Token(""),
        ];
        foreach (var token in tokens)
        {
            Assert.Equal(401, await SendAsync(token));
        }

        var refused = await cluster.SendAsync("POST", Path, RestCluster.Text("x"), token: null);
        Assert.Equal("Unauthorized", refused.ErrorCode);
        Assert.Equal(401, (await cluster.SendAsync("POST", Path, RestCluster.Text("x"), token: null, change: request => request.Headers.Authorization = new AuthenticationHeaderValue("Basic", valid))).Code);
        Assert.Equal(401, (await cluster.SendAsync("HEAD", "/api/hubs/chat/users/x", token: null)).Code);
        Assert.Equal(401, (await cluster.SendAsync("GET", "/api/hubs/nobody/knows", token: null)).Code); // before anything else is told
    }

    [Fact]
    public async Task Health_IsToldToAnybody() => Assert.Equal(200, (await cluster.SendAsync("HEAD", "/api/health", token: null)).Code);

    [Theory]
    [InlineData("POST", "hubs/1chat/:send", 400, "hub")]
    [InlineData("POST", "hubs/a-b/:send", 400, "hub")]
    [InlineData("POST", "hubs/unknown/:send", 404, "hub")]
    [InlineData("POST", "hubs/chat", 404, null)]
    [InlineData("POST", "hubs/chat/", 404, null)]
    [InlineData("POST", "hubs/chat/send", 404, null)]
    [InlineData("GET", "hubs/chat/:send", 404, null)]
    [InlineData("PATCH", "hubs/chat/groups/a/connections/b", 404, null)]
    [InlineData("POST", "hubs/chat/groups//:send", 400, "group")]
    [InlineData("POST", "hubs/chat/groups/%20%09/:send", 400, "group")]
    [InlineData("POST", "hubs/chat/groups/%FF/:send", 400, null)]
    [InlineData("POST", "hubs/chat/groups/%ED%A0%80/:send", 400, null)]
    [InlineData("POST", "hubs/chat/users//:send", 400, "userId")]
    [InlineData("POST", "hubs/chat/:send?messageTtlSeconds=301", 400, "messageTtlSeconds")]
    [InlineData("POST", "hubs/chat/:send?messageTtlSeconds=-1", 400, "messageTtlSeconds")]
    [InlineData("POST", "hubs/chat/:send?messageTtlSeconds=1.5", 400, "messageTtlSeconds")]
    [InlineData("POST", "hubs/chat/:send?filter=userId", 400, "filter")]
    [InlineData("POST", "hubs/chat/groups/a/:send?filter=userId%20eq", 400, "filter")]
    [InlineData("POST", "hubs/chat/users/a/:send?filter=(", 400, "filter")]
    public async Task Request_OfAnotherForm_IsRefusedWithAWord(string method, string path, int status, string? target)
    {
        var answer = await cluster.SendAsync(method, $"/api/{path}", method == "GET" ? null : RestCluster.Text("x"));

        Assert.Equal((status, status == 400 ? "BadRequest" : "NotFound"), (answer.Code, answer.ErrorCode));
        using var problem = JsonDocument.Parse(answer.Body);
        Assert.Equal(answer.ErrorCode, problem.RootElement.GetProperty("code").GetString());
        Assert.NotEmpty(problem.RootElement.GetProperty("message").GetString()!); // a missing one fails the test
        Assert.Equal(target, problem.RootElement.TryGetProperty("target", out var named) ? named.GetString() : null);
    }

    [Theory]
    [InlineData("application/json", "{", 400)]
    [InlineData("application/json", "", 400)]
    [InlineData("application/json", "1 2", 400)]
    [InlineData("application/json", "null", 400)]
    [InlineData("application/json", "{'a':1}", 400)]
    [InlineData("application/json", "[1,]", 400)]
    [InlineData("application/json; charset=utf-8", "\"\"", 202)]
    [InlineData("Application/JSON", "0", 202)]
    [InlineData("application/json", "false", 202)]
    [InlineData("application/json; charset=utf-16", "0", 415)]
    [InlineData("text/plain", "", 202)]
    [InlineData("text/plain;charset=\"UTF-8\"", "x", 202)]
    [InlineData("application/octet-stream", "", 202)]
    [InlineData("application/xml", "<a/>", 415)]
    [InlineData("text/html", "x", 415)]
    public async Task Body_OfAType_IsTakenOrRefused(string type, string body, int status) =>
        Assert.Equal(status, (await cluster.SendAsync("POST", Path, RestCluster.Bytes(System.Text.Encoding.UTF8.GetBytes(body), type))).Code);

    [Fact]
    public async Task Body_AtTheLimits_IsTakenAndBeyondRefused()
    {
        Assert.Equal(202, await PostAsync(new byte[RestBody.MaxBytes], "application/octet-stream"));
        Assert.Equal(400, await PostAsync(new byte[RestBody.MaxBytes + 1], "application/octet-stream"));
        Assert.Equal(400, await PostAsync([0xFF], "text/plain"));
        Assert.Equal(400, await PostAsync([(byte)'"', 0xFF, (byte)'"'], "application/json"));
        Assert.Equal(400, await PostAsync(System.Text.Encoding.UTF8.GetBytes(new string('[', 100_000)), "application/json"));
        Assert.Equal(400, (await cluster.SendAsync("POST", Path, new Chunked(RestBody.MaxBytes + 1))).Code); // that does not say its length

        async Task<int> PostAsync(byte[] body, string type) => (await cluster.SendAsync("POST", Path, RestCluster.Bytes(body, type))).Code;
    }

    [Theory]
    [InlineData("""{}""", "application/json", 400)]
    [InlineData("""[]""", "application/json", 400)]
    [InlineData("""{"groups":[]}""", "application/json", 400)]
    [InlineData("""{"groups":"a","filter":"true"}""", "application/json", 400)]
    [InlineData("""{"groups":[1],"filter":"true"}""", "application/json", 400)]
    [InlineData("""{"groups":[null],"filter":"true"}""", "application/json", 400)]
    [InlineData("""{"groups":[" "],"filter":"true"}""", "application/json", 400)]
    [InlineData("""{"groups":["a"],"filter":"tru"}""", "application/json", 400)]
    [InlineData("""{"groups":["a"],"filter":1}""", "application/json", 400)]
    [InlineData("""{"groups":["a"]""", "application/json", 400)]
    [InlineData("""{"groups":["a"],"filter":"false"}""", "text/plain", 415)]
    [InlineData("""{"groups":["a"],"filter":"false"}""", "application/json", 200)]
    public async Task Body_OfGroupsAndAFilter_IsTakenOrRefused(string body, string type, int status) =>
        Assert.Equal(status, (await cluster.SendAsync("POST", "/api/hubs/chat/:addToGroups", RestCluster.Text(body, type))).Code);

    [Theory]
    [InlineData(1_024, 202)]
    [InlineData(1_025, 400)]
    public async Task Metadata_InHeaders_IsTakenWithinItsLimits(int length, int status) =>
        Assert.Equal(status, (await cluster.SendAsync("POST", Path, RestCluster.Text("x"), change: request => request.Headers.Add("X-WebPubSub-Metadata-key", new string('v', length)))).Code);

    private async Task<int> SendAsync(string? token) => (await cluster.SendAsync("POST", Path, RestCluster.Text("x"), token)).Code;

    private sealed class Chunked(int length) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context) => stream.WriteAsync(new byte[length]).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

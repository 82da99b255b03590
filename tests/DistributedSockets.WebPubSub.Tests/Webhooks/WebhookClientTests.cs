using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets.WebPubSub.Tests.Webhooks;

public sealed class WebhookClientTests
{
    private static readonly EventClient s_client = new("chat", "node.connection", "ann", "json.webpubsub.azure.v1", """{"count":1}""");

    private static readonly ClientEvent s_event = new() { Name = "ask", DataType = WebPubSubDataType.Text, Data = "hello"u8.ToArray() };

    [Fact]
    public async Task Send_Event_IsACloudEventSignedByBothKeys()
    {
        await using var server = await WebhookServer.StartAsync();

        await SendAsync(server);

        var (method, path, headers) = server.Requests.Last();
        Assert.Equal(("POST", "/chat/ask"), (method, path));
        Assert.Equal("1.0", headers["ce-specversion"]);
        Assert.Equal("azure.webpubsub.user.ask", headers["ce-type"]);
        Assert.Equal("chat node.connection ann ask", $"{headers["ce-hub"]} {headers["ce-connectionId"]} {headers["ce-userId"]} {headers["ce-eventName"]}");
        Assert.Equal("json.webpubsub.azure.v1", headers["ce-subprotocol"]);
        Assert.Equal("ws.example.com", headers["WebHook-Request-Origin"]);
        Assert.Equal("""{"count":1}""", Encoding.UTF8.GetString(Convert.FromBase64String(headers["ce-connectionState"]!)));
        Assert.Equal($"sha256={Sign("the first key of a test")},sha256={Sign("the second key of a test")}", headers["ce-signature"]);

        static string Sign(string key) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), "node.connection"u8));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("other.example.com, WS.example.com")]
    public async Task Send_ServerHasAgreed_IsAskedOnce(string allowed)
    {
        await using var server = await WebhookServer.StartAsync();
        server.AllowedOrigin = allowed;

        await SendAsync(server);
        await SendAsync(server);

        Assert.Equal([("OPTIONS", "/chat/validate"), ("POST", "/chat/ask"), ("POST", "/chat/ask")], server.Requests.Select(static request => (request.Method, request.Path)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("other.example.com")]
    public async Task Send_ServerDoesNotAgree_GetsNoEvent(string? allowed)
    {
        await using var server = await WebhookServer.StartAsync();
        server.AllowedOrigin = allowed;

        var exception = await Assert.ThrowsAsync<HttpRequestException>(() => SendAsync(server));

        Assert.Contains("did not agree", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Requests, static request => request.Method == "POST");
    }

    [Fact]
    public async Task Send_ServerIsUnavailableAtFirst_GetsTheSameEventAgain()
    {
        await using var server = await WebhookServer.StartAsync();
        server.Statuses.Enqueue(503);

        var answer = await SendAsync(server);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var events = server.Requests.Where(static request => request.Method == "POST").ToArray();
        Assert.Equal(2, events.Length);
        Assert.Equal(events[0].Headers["ce-id"], events[1].Headers["ce-id"]);
    }

    [Theory]
    [InlineData(false, 1)] // it may have arrived, and a client waits
    [InlineData(true, 3)]
    public async Task Send_ServerFails_IsSentAgainOnlyIfItMayArriveTwice(bool isRepeatable, int times)
    {
        await using var server = await WebhookServer.StartAsync();
        for (var n = 0; n < 5; n++)
        {
            server.Statuses.Enqueue(500);
        }

        var answer = await SendAsync(server, isRepeatable);

        Assert.Equal(HttpStatusCode.InternalServerError, answer.Status);
        Assert.Equal(times, server.Requests.Count(static request => request.Method == "POST"));
    }

    [Fact]
    public async Task Send_UserIdThatWouldBeginAHeader_IsNone()
    {
        await using var server = await WebhookServer.StartAsync();
        var sent = server.Get<WebhookRequests>().UserEvent(s_client with { UserId = "ann\r\nx-evil: 1" }, s_event);

        await server.Get<WebhookClient>().SendAsync(server.Webhook, sent, isRepeatable: false, TestContext.Current.CancellationToken);

        Assert.DoesNotContain("x-evil", server.Requests.Last().Headers.Keys);
    }

    [Theory]
    [InlineData(204, "text/plain", "x", null)]
    [InlineData(200, "text/plain", "", WebPubSubDataType.Text)]
    [InlineData(200, "application/json", "{}", WebPubSubDataType.Json)]
    [InlineData(200, "application/octet-stream", "x", WebPubSubDataType.Binary)]
    [InlineData(200, "application/octet-stream", "", null)]
    [InlineData(200, null, "", null)]
    public void Reply_OfAnAnswer_HasTheTypeOfItsBody(int status, string? mediaType, string body, WebPubSubDataType? expected) =>
        Assert.Equal(expected, new WebhookAnswer((HttpStatusCode)status, mediaType, Encoding.UTF8.GetBytes(body), State: null).Reply()?.DataType);

    private static Task<WebhookAnswer> SendAsync(WebhookServer server, bool isRepeatable = false) => server.Get<WebhookClient>().SendAsync(
        server.Webhook, server.Get<WebhookRequests>().UserEvent(s_client, s_event), isRepeatable, TestContext.Current.CancellationToken);
}

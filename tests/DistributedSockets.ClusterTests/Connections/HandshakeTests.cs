using System.Net;
using System.Text.Json.Nodes;

namespace DistributedSockets.ClusterTests;

/// <summary>What comes to the endpoint and is no welcome WebSocket gets a clear answer.</summary>
[Collection(SharedGroup.Name)]
public sealed class HandshakeTests(SharedCluster cluster)
{
    [Fact]
    public async Task PlainRequest_IsAnswered400WithExplanation()
    {
        using var response = await cluster.A.Http.GetAsync("/ws", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("WebSocket", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_IsRefused()
    {
        using var response = await cluster.A.Http.PostAsync("/ws", new StringContent("hello"), TestContext.Current.CancellationToken);

        Assert.Contains(response.StatusCode, new[] { HttpStatusCode.BadRequest, HttpStatusCode.MethodNotAllowed });
    }

    [Theory]
    [InlineData("Sec-WebSocket-Version", "12")]
    [InlineData("Sec-WebSocket-Version", "")]
    [InlineData("Sec-WebSocket-Key", "short")]
    [InlineData("Sec-WebSocket-Key", "")]
    [InlineData("Upgrade", "h2c")]
    [InlineData("Connection", "close")]
    public async Task BadHandshake_IsAnsweredWithClientError(string header, string value)
    {
        await using var client = await RawClient.ConnectAsync(cluster.A.Endpoint(), [(header, value)]);

        Assert.InRange(client.Status, 400, 499);
    }

    [Theory]
    [InlineData("http://elsewhere.example")]
    [InlineData("https://127.0.0.1")]
    [InlineData("null")]
    public async Task WrongOrigin_IsAnswered403(string origin)
    {
        var answer = await cluster.Ws.NewClient().ConnectAsync(cluster.A.Endpoint(), new JsonObject { ["origin"] = origin });

        Assert.Equal(403, answer["status"]?.GetValue<int>());
    }

    [Fact]
    public async Task OwnOrigin_IsWelcome()
    {
        var options = new JsonObject { ["origin"] = cluster.A.Address.GetLeftPart(UriPartial.Authority) };

        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(), options);

        await client.AskAsync("Ehello", "hello");
    }

    [Fact]
    public async Task UserNameTooLong_IsRefusedOrAnonymousButHarmsNobody()
    {
        await using var client = await RawClient.ConnectAsync(cluster.A.Endpoint(new string('u', 257)));

        Assert.InRange(client.Status, 400, 599);
        await using var witness = await cluster.A.ConnectAsync();
        await witness.AskAsync("Ehello", "hello");
    }
}

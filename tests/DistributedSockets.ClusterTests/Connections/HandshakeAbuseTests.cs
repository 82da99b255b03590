using System.Net;

namespace DistributedSockets.ClusterTests;

/// <summary>Requests to the endpoint that are wrong, in two minds or far too large: each gets its HTTP status, and none opens a WebSocket by mistake.</summary>
[Collection(AbusedNodesGroup.Name)]
public sealed class HandshakeAbuseTests(AbusedNodes nodes)
{
    private const string Get = "GET /ws HTTP/1.1";
    private const string Host = "Host: localhost";
    private const string Connection = "Connection: Upgrade";
    private const string Upgrade = "Upgrade: websocket";
    private const string Version = "Sec-WebSocket-Version: 13";
    private const string Key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";

    private static readonly Dictionary<string, (string Request, int Status)> s_cases = new()
    {
        ["4.1 all that is needed"] = (Request(Get, Host, Connection, Upgrade, Version, Key), 101),
        ["4.1 names and values in other letters"] = (Request(Get, "HOST: localhost", "connection: keep-alive, upgrade", "UPGRADE: WebSocket", Version, Key), 101),
        ["4.1 no host"] = (Request(Get, Connection, Upgrade, Version, Key), 400),
        ["4.1 two hosts"] = (Request(Get, Host, Host, Connection, Upgrade, Version, Key), 400),
        ["4.1 no Connection"] = (Request(Get, Host, Upgrade, Version, Key), 400),
        ["4.1 Connection: close"] = (Request(Get, Host, "Connection: close", Upgrade, Version, Key), 400),
        ["4.1 no Upgrade"] = (Request(Get, Host, Connection, Version, Key), 400),
        ["4.1 Upgrade to something else"] = (Request(Get, Host, Connection, "Upgrade: h2c", Version, Key), 400),
        ["4.1 no key"] = (Request(Get, Host, Connection, Upgrade, Version), 400),
        ["4.1 empty key"] = (Request(Get, Host, Connection, Upgrade, Version, "Sec-WebSocket-Key:"), 400),
        ["4.1 key of 15 bytes"] = (Request(Get, Host, Connection, Upgrade, Version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), 400),
        ["4.1 key of 18 bytes"] = (Request(Get, Host, Connection, Upgrade, Version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"), 400),
        ["4.1 key that is not Base64"] = (Request(Get, Host, Connection, Upgrade, Version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAA!=="), 400),
        ["4.1 key that is not ASCII"] = (Request(Get, Host, Connection, Upgrade, Version, $"Sec-WebSocket-Key: {new string('\u00FC', 24)}"), 400),
        ["4.1 two keys"] = (Request(Get, Host, Connection, Upgrade, Version, Key, Key), 400),
        ["4.1 POST"] = (Request("POST /ws HTTP/1.1", Host, Connection, Upgrade, Version, Key), 405),
        ["4.1 HEAD"] = (Request("HEAD /ws HTTP/1.1", Host, Connection, Upgrade, Version, Key), 405),
        ["4.1 CONNECT to another host"] = (Request("CONNECT elsewhere:80 HTTP/1.1", Host, Connection, Upgrade, Version, Key), 400),
        ["4.1 HTTP/0.9"] = (Request("GET /ws HTTP/0.9", Host, Connection, Upgrade, Version, Key), 505),
        ["4.1 HTTP/2.0 by its name alone"] = (Request("GET /ws HTTP/2.0", Host, Connection, Upgrade, Version, Key), 505),
        ["4.1 no HTTP version"] = (Request("GET /ws", Host, Connection, Upgrade, Version, Key), 400),
        ["4.1 address of another host"] = (Request("GET http://elsewhere/ws HTTP/1.1", Host, Connection, Upgrade, Version, Key), 400),
        ["4.1 body"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Content-Length: 5") + "hello", 400),
        ["4.1 chunked body"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Transfer-Encoding: chunked") + "0\r\n\r\n", 400),
        ["4.1 body of two lengths"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400),
        ["4.1 body of negative length"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Content-Length: -1"), 400),

        ["4.2.2 no version"] = (Request(Get, Host, Connection, Upgrade, Key), 400),
        ["4.4 version 12"] = (Request(Get, Host, Connection, Upgrade, "Sec-WebSocket-Version: 12", Key), 426),
        ["4.4 version 14"] = (Request(Get, Host, Connection, Upgrade, "Sec-WebSocket-Version: 14", Key), 426),
        ["4.4 version -13"] = (Request(Get, Host, Connection, Upgrade, "Sec-WebSocket-Version: -13", Key), 426),
        ["4.4 version of 5,000 digits"] = (Request(Get, Host, Connection, Upgrade, $"Sec-WebSocket-Version: {new string('1', 5_000)}", Key), 426),
        ["4.4 empty version"] = (Request(Get, Host, Connection, Upgrade, "Sec-WebSocket-Version:", Key), 426),

        ["9.1 extensions of no sense"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Sec-WebSocket-Extensions: ;;;,=,;"), 101),
        ["9.1 window of 99 bits"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99"), 101),
        ["9.1 three hundred extensions"] = (
            Request(Get, Host, Connection, Upgrade, Version, Key, $"Sec-WebSocket-Extensions: {Many("permessage-deflate; client_max_window_bits=99", 300)}"), 101),

        ["10.2 two origins"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "Origin: http://localhost", "Origin: http://localhost"), 403),

        ["no HTTP at all"] = ("\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00FC\u0003\u0003" + new string('\0', 500), 400),
        ["space in a header's name"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "X A: b"), 400),
        ["header without a name"] = (Request(Get, Host, Connection, Upgrade, Version, Key, ": b"), 400),
        ["NUL in a header"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "X-A: a\0b"), 400),
        ["NUL in the path"] = (Request("GET /ws%00 HTTP/1.1", Host, Connection, Upgrade, Version, Key), 400),
        ["folded header"] = (Request(Get, Host, Connection, Upgrade, Version, Key, "X-A: b\r\n c"), 400),
        ["user name of 7,000 letters"] = (Request($"GET /ws?u={new string('u', 7_000)} HTTP/1.1", Host, Connection, Upgrade, Version, Key), 400),
        ["address of 9,000 bytes"] = (Request($"GET /ws?{new string('a', 9_000)} HTTP/1.1", Host, Connection, Upgrade, Version, Key), 414),
        ["header of 30 KB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"X-A: {new string('a', 30_000)}"), 101),
        ["header of 64 KB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"X-A: {new string('a', 65_536)}"), 431),
        ["header of 1 MB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"X-A: {new string('a', 1_000_000)}"), 431),
        ["200 headers"] = (Request([Get, Host, Connection, Upgrade, Version, Key, .. Enumerable.Range(0, 200).Select(static i => $"X-{i}: a")]), 431),
        ["10,000 headers"] = (Request([Get, Host, Connection, Upgrade, Version, Key, .. Enumerable.Range(0, 10_000).Select(static i => $"X-{i}: a")]), 431),
        ["cookie of 64 KB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"Cookie: a={new string('a', 65_536)}"), 431),
        ["subprotocol of 64 KB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"Sec-WebSocket-Protocol: {new string('a', 65_536)}"), 431),
        ["subprotocols of 64 KB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"Sec-WebSocket-Protocol: {Many("chat", 11_000)}"), 431),
        ["subprotocols of 30 KB, none of them known"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"Sec-WebSocket-Protocol: {Many("chat", 5_000)}"), 101),
        ["subprotocols of nothing but commas"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"Sec-WebSocket-Protocol: {new string(',', 30_000)}"), 101),
        ["extensions of 64 KB"] = (Request(Get, Host, Connection, Upgrade, Version, Key, $"Sec-WebSocket-Extensions: {Many("permessage-deflate", 3_300)}"), 431),
    };

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Http11_GetsItsStatus_AndTheNextClientIsServed(string name)
    {
        var (request, status) = s_cases[name];
        var node = nodes.Compressing; // so that extensions are read

        await using var client = await RawClient.RequestAsync(node.Endpoint(), request);

        Assert.Equal(status, client.Status);
        Assert.Equal(status == 426, client.Handshake.Contains($"\r\n{Version}\r\n", StringComparison.Ordinal));
        Assert.DoesNotContain("Sec-WebSocket-Protocol", client.Handshake, StringComparison.OrdinalIgnoreCase);
        await AssertNextIsServedAsync(node);
    }

    [Theory]
    [InlineData("13", HttpStatusCode.OK)]
    [InlineData("12", HttpStatusCode.UpgradeRequired)]
    [InlineData(null, HttpStatusCode.BadRequest)]
    public async Task Http2_VersionDecides_AndTheNextClientIsServed(string? version, HttpStatusCode status)
    {
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        var connect = RawClient.Http2Connect(nodes.Http2.Endpoint());
        if (version is not null)
        {
            connect.Headers.Add("Sec-WebSocket-Version", version);
        }

        using var response = await http.SendAsync(connect, TestContext.Current.CancellationToken).Guarded("a handshake");

        Assert.Equal(status, response.StatusCode);
        Assert.Equal(status == HttpStatusCode.UpgradeRequired ? ["13"] : [], response.Headers.TryGetValues("Sec-WebSocket-Version", out var spoken) ? spoken : []);
        await using var next = await RawClient.OpenHttp2Async(nodes.Http2.Endpoint());
        await AssertEchoAsync(next);
    }

    [Fact]
    public async Task Refused_NothingIsLeftOfThem()
    {
        var node = nodes.Compressing;
        for (var i = 0; i < 100; i++)
        {
            await using var client = await RawClient.RequestAsync(node.Endpoint(), Request(Get, Host, Connection, Upgrade, Version, Key, "Origin: null"));
            Assert.Equal(403, client.Status);
        }

        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") == 0, "nobody is connected");
        Assert.Empty(await node.SessionsAsync());
        await AssertNextIsServedAsync(node);
    }

    private static async Task AssertNextIsServedAsync(TestNodeProcess node)
    {
        await using var next = await RawClient.ConnectAsync(node.Endpoint());
        Assert.Equal(101, next.Status);
        await AssertEchoAsync(next);
    }

    private static async Task AssertEchoAsync(RawClient client)
    {
        await client.SendTextAsync("Ehello");
        Assert.Equal("text hello", await client.AnswersAsync("hello"));
    }

    private static string Request(params string[] lines) => $"{string.Join("\r\n", lines)}\r\n\r\n";

    private static string Many(string value, int count) => string.Join(", ", Enumerable.Repeat(value, count));
}

using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DistributedSockets.Tests;

/// <summary>The origin check as a server applies it, to headers as they come over the wire.</summary>
public sealed class OriginEndpointTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("app.example", "https://app.example", 101)]
    [InlineData("app.example", "http://app.example", 101)] // a page without TLS, or a proxy that has taken it off
    [InlineData("app.example", "https://APP.EXAMPLE", 101)]
    [InlineData("APP.example", "HTTPS://app.Example", 101)]
    [InlineData("app.example:443", "https://app.example", 101)]
    [InlineData("app.example", "https://app.example:443", 101)]
    [InlineData("app.example:80", "http://app.example", 101)]
    [InlineData("app.example", "http://app.example:80", 101)]
    [InlineData("app.example:8443", "https://app.example:8443", 101)]
    [InlineData("app.example.", "https://app.example.", 101)]
    [InlineData("[::1]", "http://[::1]", 101)]
    [InlineData("[::1]:8080", "http://[::1]:8080", 101)]
    [InlineData("127.0.0.1:5000", "http://127.0.0.1:5000", 101)]
    [InlineData("app.example", "https://partner.example", 101)] // allowed by the options
    [InlineData("app.example", null, 101)] // no page sends none
    [InlineData("app.example", "wss://app.example", 101)] // programs take it from the address that they connect to
    [InlineData("app.example", "ws://app.example", 101)]
    [InlineData("app.example", "WSS://App.Example:443", 101)]
    [InlineData("app.example:443", "wss://app.example:443", 101)]
    [InlineData("app.example:8443", "wss://app.example:8443", 101)]
    [InlineData("app.example", "https://app.example/", 101)]
    [InlineData("app.example:8080", "ws://app.example:8080/chat", 101)]
    [InlineData("app.example", "wss://app.example/chat?token=x", 101)]
    [InlineData("[::1]", "http://[0:0:0:0:0:0:0:1]", 101)]
    [InlineData("[2001:DB8::1]:8443", "https://[2001:db8:0::1]:8443", 101)]
    [InlineData("app.example", "wss://partner.example/", 101)] // allowed by the options
    [InlineData("app.example", "https://PARTNER.example:443", 101)]
    [InlineData("app.example:80", "https://app.example", 403)]
    [InlineData("app.example:443", "http://app.example", 403)]
    [InlineData("app.example", "https://app.example:80", 403)]
    [InlineData("app.example", "http://app.example:443", 403)]
    [InlineData("app.example", "https://app.example:8443", 403)]
    [InlineData("app.example:8443", "https://app.example", 403)]
    [InlineData("app.example:8443", "https://app.example:8444", 403)]
    [InlineData("app.example", "https://app.example:0443", 403)]
    [InlineData("app.example", "https://app.example:", 403)]
    [InlineData("app.example", "https://app.example:x", 403)]
    [InlineData("app.example", "https://app.example:443.evil.example", 403)]
    [InlineData("app.example", "https://app.example.", 403)]
    [InlineData("app.example.", "https://app.example", 403)]
    [InlineData("app.example", "https://app.example.evil.example", 403)]
    [InlineData("app.example", "https://evilapp.example", 403)]
    [InlineData("app.example", "https://evil.app.example", 403)]
    [InlineData("app.example", "https://example", 403)]
    [InlineData("app.example", "https://app.example@evil.example", 403)]
    [InlineData("app.example", "wss://app.example:443@evil.example/", 403)]
    [InlineData("app.example", "https://evil.example/https://app.example", 403)]
    [InlineData("app.example", "https://evil.example/@app.example", 403)]
    [InlineData("app.example", "https://evil.example#@app.example", 403)]
    [InlineData("app.example", "https://evil.example?https://app.example/", 403)]
    [InlineData("app.example", "https://app.example/,https://evil.example", 403)]
    [InlineData("app.example", "https:///app.example", 403)]
    [InlineData("app.example", "https://app.example%2eevil.example", 403)]
    [InlineData("app.example", "https://app%2eexample", 403)]
    [InlineData("app.example", "https://app..example", 403)]
    [InlineData("app.example", "wss://app.example:8443", 403)]
    [InlineData("app.example:80", "wss://app.example", 403)]
    [InlineData("app.example", "https://app.example:65536", 403)]
    [InlineData("app.example", "https://app.example:-443", 403)]
    [InlineData("app.example", "https://[app.example]", 403)]
    [InlineData("app.example", "app.example:443", 403)]
    [InlineData("[::1]:8080", "http://[::1]8080", 403)]
    [InlineData("[::1]", "http://[::1%25eth0]", 403)]
    [InlineData("app.example", "https://evil.example@app.example", 403)]
    [InlineData("app.example", "https://app.example:443@evil.example", 403)]
    [InlineData("app.example", "https://user:password@app.example", 403)]
    [InlineData("app.example", "https://app.example?query", 403)]
    [InlineData("app.example", "https://app.example#fragment", 403)]
    [InlineData("app.example", "https://app.example\\evil.example", 403)]
    [InlineData("app.example", "https://app.example https://evil.example", 403)]
    [InlineData("app.example", "https://app.example, https://evil.example", 403)]
    [InlineData("app.example", "https://app.example\r\nOrigin: https://app.example", 403)]
    [InlineData("app.example", "https://evil.example\r\nOrigin: https://app.example", 403)]
    [InlineData("app.example", "null", 403)]
    [InlineData("null", "null", 403)]
    [InlineData("app.example", "NULL", 403)]
    [InlineData("app.example", "", 403)]
    [InlineData("app.example", "app.example", 403)]
    [InlineData("app.example", "//app.example", 403)]
    [InlineData("app.example", "https:app.example", 403)]
    [InlineData("app.example", "file://app.example", 403)]
    [InlineData("app.example", "chrome-extension://app.example", 403)]
    [InlineData("app.example", "*", 403)]
    [InlineData("app.example", "https://*", 403)]
    [InlineData("app.example", "https://partner.example:8443", 403)]
    [InlineData("app.example", "http://partner.example", 403)]
    [InlineData("app.example", "https://partner.example.", 403)]
    [InlineData("[::1]", "http://::1", 403)]
    [InlineData("[::1]:8080", "http://[::1]", 403)]
    [InlineData("127.0.0.1", "http://2130706433", 403)] // the same address as a number
    [InlineData("localhost", "http://127.0.0.1", 403)]
    public async Task Handshake_OriginAgainstHost_IsThatHostHoweverWrittenAndNoOther(string host, string? origin, int status)
    {
        await using var node = await StartAsync(HttpProtocols.Http1);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, node.Address.Port, Cancellation);
        await using var stream = tcp.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"GET /chat HTTP/1.1\r\nHost: {host}\r\n{(origin is null ? "" : $"Origin: {origin}\r\n")}"
                + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
            Cancellation);
        using var reader = new StreamReader(stream, Encoding.ASCII);

        Assert.StartsWith($"HTTP/1.1 {status} ", await reader.ReadLineAsync(Cancellation).AsTask().WithinGuardAsync());
    }

    [Fact]
    public async Task Handshake_ForwardedHostWithoutMiddlewareForIt_IsNotBelieved()
    {
        await using var node = await StartAsync(HttpProtocols.Http1);
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Origin", "https://evil.example");
        socket.Options.SetRequestHeader("X-Forwarded-Host", "evil.example");
        socket.Options.SetRequestHeader("Forwarded", "host=evil.example");

        await Assert.ThrowsAsync<WebSocketException>(
            () => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat"), Cancellation).WithinGuardAsync());

        Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
    }

    [Theory]
    [InlineData("app.example", "https://app.example", true)]
    [InlineData("app.example:8443", "https://app.example:8443", true)]
    [InlineData("app.example", "https://app.example:8443", false)]
    [InlineData("app.example", "http://127.0.0.1:{port}", false)] // where it connects to, but not whom it asks for
    [InlineData("app.example", "null", false)]
    public async Task Http2Handshake_Authority_StandsForTheHost(string authority, string origin, bool allowed)
    {
        await using var node = await StartAsync(HttpProtocols.Http2);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        using var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Host", authority); // becomes :authority
        socket.Options.SetRequestHeader("Origin", origin.Replace("{port}", $"{node.Address.Port}"));
        var connecting = socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat"), http, Cancellation).WithinGuardAsync();

        if (allowed)
        {
            await connecting;
            return;
        }

        await Assert.ThrowsAsync<WebSocketException>(() => connecting);
        Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
    }

    private static Task<AppNode> StartAsync(HttpProtocols protocols) =>
        AppNode.StartAsync(options: static options => options.AllowedOrigins.Add("https://partner.example"), protocols: protocols);
}

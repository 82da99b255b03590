using Microsoft.AspNetCore.Http;

namespace DistributedSockets.Tests;

public sealed class OriginCheckTests
{
    [Theory]
    [InlineData("app.example", "https://app.example", true)]
    [InlineData("app.example", "https://APP.example", true)]
    [InlineData("app.example", "http://app.example:80", true)]
    [InlineData("app.example:443", "https://app.example", true)]
    [InlineData("app.example", "https://app.example:8443", false)]
    [InlineData("app.example:8443", "https://app.example:8443", true)]
    [InlineData("app.example:8443", "https://app.example", false)]
    [InlineData("[::1]:5080", "http://[::1]:5080", true)]
    [InlineData("[::1]:5080", "http://[::2]:5080", false)]
    [InlineData("xn--bcher-kva.example", "https://xn--bcher-kva.example", true)]
    [InlineData("app.example", "https://xn--", false)] // no punycode
    [InlineData("app.example", "https://xn--999999999:443", false)]
    [InlineData("app.example", "https://app.example.evil.example", false)]
    [InlineData("app.example", "https://user@app.example/", false)]
    [InlineData("app.example", "file://app.example", false)]
    [InlineData("app.example", "null", false)]
    [InlineData("", "null", false)]
    [InlineData("other.example", "https://partner.example", true)]
    [InlineData("other.example", "http://partner.example", false)]
    public void Allows_OriginAgainstHost_ComparesHostAndPort(string host, string origin, bool allowed)
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new(host);
        context.Request.Headers.Origin = origin;

        Assert.Equal(allowed, new OriginCheck(["https://partner.example"]).Allows(context.Request));
    }

    /// <summary>What is accepted as an allowed origin, and what clients of it send.</summary>
    [Theory]
    [InlineData("https://app.example", "https://app.example", "https://APP.example", "https://app.example:443", "wss://app.example", "wss://app.example/chat")]
    [InlineData("HTTPS://App.Example:443", "https://app.example")]
    [InlineData("wss://app.example:443", "https://app.example", "wss://app.example")]
    [InlineData("http://app.example:8080", "http://app.example:8080", "ws://app.example:8080/")]
    [InlineData("https://xn--bcher-kva.example", "https://xn--bcher-kva.example")]
    [InlineData("http://[::1]:80", "http://[::1]", "ws://[0:0:0:0:0:0:0:1]")]
    [InlineData("http://[2001:DB8:0:0:0:0:0:1]", "http://[2001:db8::1]")]
    [InlineData("http://127.0.0.1:5000", "http://127.0.0.1:5000")]
    [InlineData("http://localhost", "http://localhost", "http://localhost:80")] // Capacitor and Ionic on Android
    [InlineData("http://my_service", "http://my_service")]
    [InlineData("capacitor://localhost", "capacitor://localhost")]
    [InlineData("ionic://localhost", "ionic://localhost")]
    [InlineData("tauri://localhost", "tauri://localhost")]
    [InlineData("https://tauri.localhost", "https://tauri.localhost")]
    [InlineData("app://obsidian.md", "app://obsidian.md")]
    [InlineData("app://.", "app://.")] // Electron
    [InlineData("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop")]
    [InlineData("moz-extension://6F9619FF-8B86-D011-B42D-00CF4FC964FF", "moz-extension://6f9619ff-8b86-d011-b42d-00cf4fc964ff")]
    [InlineData("vscode-webview://1a2b3c", "vscode-webview://1a2b3c")]
    [InlineData("file://", "file://")] // pages of an app's own files, and some small devices
    public void AllowedOrigin_ThatIsAccepted_LetsInAllWhoSendIt(string allowed, params string[] sent)
    {
        var check = new OriginCheck([allowed]);

        Assert.Null(OriginCheck.Problem(allowed));
        Assert.All(sent, origin => Assert.True(check.Allows(Request("server.example", origin)), origin));
        Assert.False(check.Allows(Request("server.example", "https://evil.example")));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("app.example", "scheme")]
    [InlineData("//app.example", "scheme")]
    [InlineData("https:app.example", "scheme")]
    [InlineData("1https://app.example", "scheme")]
    [InlineData("https://", "no host")]
    [InlineData("https://app.example/", "slash")]
    [InlineData("https://app.example/chat", "slash")]
    [InlineData("file:///", "slash")]
    [InlineData("https://app.example?a=b", "no name")]
    [InlineData("https://app.example:", "port")]
    [InlineData("https://app.example:0", "port")]
    [InlineData("https://app.example:0443", "port")]
    [InlineData("https://app.example:65536", "port")]
    [InlineData("https://app.example:99999999999", "port")]
    [InlineData("https://app.example:x", "port")]
    [InlineData("https://b\u00fccher.example", "xn--")]
    [InlineData(" https://app.example", "space")]
    [InlineData("https://app.example, https://b.example", "space")]
    [InlineData("https://app.example,https://b.example", "comma")]
    [InlineData("https://user:password@app.example", "@")]
    [InlineData("https://*.app.example", "wildcard")]
    [InlineData("https://*", "wildcard")]
    [InlineData("https://.app.example", "no name")]
    [InlineData("https://app..example", "no name")]
    [InlineData("http://::1", "brackets")]
    [InlineData("http://[::1", "IPv6")]
    [InlineData("http://[::1%25eth0]", "IPv6")]
    [InlineData("http://[127.0.0.1]", "IPv6")]
    [InlineData("http://2130706433", "IPv4")]
    [InlineData("http://127.1", "IPv4")]
    [InlineData("http://0x7f.1", "IPv4")]
    [InlineData("http://127.0.0.0x1", "IPv4")]
    [InlineData("http://256.1.1.1", "IPv4")]
    [InlineData("null", "everybody")]
    public void AllowedOrigin_ThatNoClientSends_IsRefusedWithAReason(string allowed, string reason)
    {
        var options = new DistributedWebSocketsOptions();
        options.AllowedOrigins.Add(allowed);

        var failure = Assert.Single(new DistributedWebSocketsOptionsRules().Validate(null, options).Failures!);

        Assert.Contains("AllowedOrigins", failure);
        Assert.Contains(reason, failure);
        Assert.DoesNotContain("password", failure);
        Assert.DoesNotContain("a=b", failure);
    }

    private static HttpRequest Request(string host, string origin)
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new(host);
        context.Request.Headers.Origin = origin;
        return context.Request;
    }

    [Fact]
    public void Allows_SeveralOriginHeaders_IsRefused()
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new("app.example");
        context.Request.Headers.Origin = new(["https://app.example", "https://app.example"]);

        Assert.False(new OriginCheck([]).Allows(context.Request));
    }
}

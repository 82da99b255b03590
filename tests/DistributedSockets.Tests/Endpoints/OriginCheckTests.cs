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

    [Fact]
    public void Allows_SeveralOriginHeaders_IsRefused()
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new("app.example");
        context.Request.Headers.Origin = new(["https://app.example", "https://app.example"]);

        Assert.False(new OriginCheck([]).Allows(context.Request));
    }
}

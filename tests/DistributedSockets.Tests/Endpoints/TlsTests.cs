using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DistributedSockets.Tests;

/// <summary>Connections over TLS, where nothing can be written around Kestrel's encryption.</summary>
public sealed class TlsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Connection_OverTls_SendsReceivesAndCloses(int version)
    {
        using var certificate = Certificate();
        await using var node = await AppNode.StartAsync(protocols: HttpProtocols.Http1AndHttp2, listen: listen => listen.UseHttps(certificate));
        using var handler = new SocketsHttpHandler
        {
            SslOptions = new() { RemoteCertificateValidationCallback = (_, sent, _, _) => sent?.GetCertHashString() == certificate.GetCertHashString() },
        };
        using var http = new HttpMessageInvoker(handler);
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.SetRequestHeader("Origin", $"https://127.0.0.1:{node.Address.Port}");
        await using var client = new TestClient(socket);
        await socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "wss" }.Uri, "/chat"), http, Cancellation).WithinGuardAsync();
        var id = await client.ReceiveTextAsync();

        await client.SendAsync("over TLS");
        Assert.Equal("over TLS", await client.ReceiveTextAsync());
        Assert.Null(node.Hub.Find(id)!.Queue.Direct);
        var big = RandomNumberGenerator.GetBytes(1 << 20);
        await node.Router.SendToAllAsync(big, Cancellation);
        Assert.Equal(big, (await client.ReceiveAsync()).Data);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation).WithinGuardAsync();
        Assert.Equal(DisconnectKind.ClosedByClient, (await node.Probe.Disconnected(id).Task.WithinGuardAsync()).Kind);
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}

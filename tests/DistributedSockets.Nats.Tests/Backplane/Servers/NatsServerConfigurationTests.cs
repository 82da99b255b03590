using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Testing;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>Servers that want a sign-in or TLS, or that are set to less than the defaults.</summary>
public sealed class NatsServerConfigurationTests : IAsyncLifetime
{
    private const string Channel = "configured:v1:user:alice";
    private const string Password = "s3cr3t-p4ssw0rd";

    private readonly NatsServer _server = new();
    private readonly FakeLogger<NatsBackplane> _logger = new();
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("nats-tests-");

    public ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Password_InConfigurationOrUrl_SignsIn()
    {
        await StartServerAsync("--user", "app", "--pass", Password);
        await using var byConfiguration = await StartNodeAsync(new NatsOpts { Url = _server.Url, AuthOpts = new() { Username = "app", Password = Password } });
        await using var byUrl = await BackplaneNode.StartAsync(NatsFactory.Backplane($"nats://app:{Password}@{_server.EndPoint}", logger: _logger));
        await byUrl.SubscribeAsync(Channel);

        await byConfiguration.PublishAsync(Channel, "hello");

        Assert.Equal(["hello"], await byUrl.Received.WaitForAsync(Channel, 1));
        AssertNoSecretLogged();
    }

    [Fact]
    public async Task Password_Wrong_IsReportedWithoutItAndHealsWhenTheServerTakesIt()
    {
        await StartServerAsync("--user", "app", "--pass", "other");
        await using var node = await BackplaneNode.StartAsync(
            NatsFactory.Backplane($"nats://app:{Password}@{_server.EndPoint}", options => options.OperationTimeout = TimeSpan.FromSeconds(1), _logger));
        await Eventually.TrueAsync(() => Logged(1108), "the refusal is logged");

        var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));
        Assert.DoesNotContain(Password, refusal.ToString());
        await _server.StopAsync();
        _server.ExtraArguments[^1] = Password;
        await _server.StartAsync();

        await node.Received.WaitForReportAsync("available");
        AssertNoSecretLogged();
        Assert.Single(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1108);
    }

    [Fact]
    public async Task Tls_CertificateTrusted_Connects()
    {
        var authority = await StartTlsServerAsync();
        await using var node = await StartNodeAsync(new NatsOpts
        {
            Url = _server.Url.Replace("nats://", "tls://", StringComparison.Ordinal),
            TlsOpts = new NatsTlsOpts { Mode = TlsMode.Require, CaFile = authority },
        });
        await node.SubscribeAsync(Channel);

        await node.PublishAsync(Channel, "hello");

        Assert.Equal(["hello"], await node.Received.WaitForAsync(Channel, 1));
    }

    [Fact]
    public async Task Tls_CertificateNotTrusted_DoesNotConnect()
    {
        await StartTlsServerAsync();
        await using var node = await StartNodeAsync(new NatsOpts { Url = _server.Url, TlsOpts = new NatsTlsOpts { Mode = TlsMode.Require } });

        Assert.Equal(["unavailable"], node.Received.Reports);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));
    }

    [Fact]
    public async Task Permissions_ProbeForbidden_IsAnOutageThatSaysWhy()
    {
        _server.Configuration = """
            authorization {
              users = [ { user: app, password: secret, permissions: { publish: ">", subscribe: { deny: ["*.v1.probe.>"] } } } ]
            }
            """;
        await _server.StartAsync();
        await using var node = await StartNodeAsync(
            new NatsOpts { Url = _server.Url, AuthOpts = new() { Username = "app", Password = "secret" } }, TimeSpan.FromSeconds(1));

        await node.Received.WaitForReportAsync("unavailable");
        await Eventually.TrueAsync(() => Logged(1108), "the refusal is logged");
    }

    [Fact]
    public async Task MaxPayload_Small_PayloadsTravelInPartsAndKeepTheirOrder()
    {
        _server.Configuration = "max_payload: 4096";
        await _server.StartAsync();
        await using var publisher = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        await using var other = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        await using var subscriber = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        await subscriber.SubscribeAsync(Channel);

        // Large and small ones, at once from two nodes, none awaited before the next: each publisher's come in the order of its calls.
        await Task.WhenAll(new[] { publisher, other }.SelectMany((node, sender) => Enumerable.Range(0, 60).Select(i => node.PublishAsync(Channel, Payload(sender, i)))));

        await subscriber.Received.WaitForAsync(Channel, 120);
        var received = subscriber.Received.Payloads(Channel);
        for (var sender = 0; sender < 2; sender++)
        {
            var fromSender = received.Where(payload => payload.Span[0] == sender).ToArray();
            Assert.Equal(60, fromSender.Length);
            Assert.All(fromSender, (payload, i) => Assert.True(payload.Span.SequenceEqual(Payload(sender, i))));
        }

        Assert.Empty(subscriber.Received.Reports);

        static byte[] Payload(int sender, int i)
        {
            var payload = new byte[i % 3 == 0 ? 50_000 + i : 10];
            new Random(i).NextBytes(payload);
            payload[0] = (byte)sender;
            return payload;
        }
    }

    [Fact]
    public async Task MaxPayload_Small_PayloadsPublishedAtOnceOnOneChannelDoNotMixTheirParts()
    {
        const int count = 100;
        _server.Configuration = "max_payload: 4096";
        await _server.StartAsync();
        await using var publisher = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        await using var subscriber = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        await subscriber.SubscribeAsync(Channel);

        await Task.WhenAll(Enumerable.Range(0, count).Select(i => Task.Run(() =>
        {
            var payload = new byte[50_000];
            Array.Fill(payload, (byte)i);
            return publisher.PublishAsync(Channel, payload);
        })));

        await publisher.PublishAsync(Channel, "fence");
        await Eventually.TrueAsync(() => subscriber.Received.Payloads(Channel) is [.., { Length: 5 }], "the fence arrives");
        var received = subscriber.Received.Payloads(Channel).SkipLast(1).ToArray();
        Assert.All(received, static payload => Assert.Equal(-1, payload.Span.IndexOfAnyExcept(payload.Span[0])));
        Assert.Equal(Enumerable.Range(0, count), received.Select(static payload => (int)payload.Span[0]).Order());
        Assert.Empty(subscriber.Received.Reports);
    }

    [Fact]
    public async Task MaxPayload_TooSmall_SaysSo()
    {
        _server.Configuration = "max_payload: 512";
        await _server.StartAsync();
        await using var node = await StartNodeAsync(new NatsOpts { Url = _server.Url });

        var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "x"));

        Assert.Contains("max_payload", refusal.Message);
    }

    [Fact]
    public async Task SlowConsumer_CutOffByTheServer_IsReportedAndHeals()
    {
        const int megabytes = 64;
        _server.Configuration = "max_pending: 2097152";
        await _server.StartAsync();
        await using var publisher = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        using var gate = new ManualResetEventSlim();
        var received = new RecordingReceiver();
        await using var slow = NatsFactory.Backplane(_server.Url);
        await slow.StartAsync(new BlockingReceiver(received, gate), TestContext.Current.CancellationToken);
        await slow.SubscribeAsync(Channel, TestContext.Current.CancellationToken);

        // What the machine buffers between server and node is less than this.
        var payload = new byte[1024 * 1024 - 8_192];
        for (var i = 0; i < megabytes; i++)
        {
            await publisher.PublishAsync(Channel, payload);
        }

        gate.Set();
        await received.WaitForReportAsync("unavailable");
        await received.WaitForReportAsync("available");

        // It may have been cut off more than once, so what is heard tells that it is not any more.
        await Eventually.TrueAsync(
            async () =>
            {
                await publisher.PublishAsync(Channel, "afterwards");
                return received.Payloads(Channel) is [.., { Length: < 100 }] && received.Reports[^1] == "available";
            },
            "the node hears again");
        Assert.InRange(received.Payloads(Channel).Count(static message => message.Length > 100), 0, megabytes - 1);
    }

    [Fact]
    public async Task LameDuckMode_OnlyServer_IsReportedWhileItStillWorks()
    {
        await _server.StartAsync();
        await using var node = await StartNodeAsync(new NatsOpts { Url = _server.Url });
        await node.SubscribeAsync(Channel);

        await _server.EnterLameDuckModeAsync();
        await node.Received.WaitForReportAsync("partly unavailable");

        Assert.True(Logged(1111));
        await node.PublishAsync(Channel, "still");
        await node.Received.WaitForAsync(Channel, "still");
        await _server.KillAsync();
        await Eventually.TrueAsync(() => Logged(1101), "the end of the server is noticed");
        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");
    }

    private bool Logged(int id) => _logger.Collector.GetSnapshot().Any(entry => entry.Id.Id == id);

    private void AssertNoSecretLogged() =>
        Assert.All(_logger.Collector.GetSnapshot(), entry => Assert.DoesNotContain(Password, $"{entry.Message} {entry.Exception}"));

    private async Task StartServerAsync(params string[] arguments)
    {
        foreach (var argument in arguments)
        {
            _server.ExtraArguments.Add(argument);
        }

        await _server.StartAsync();
    }

    /// <returns>The file with the certificate of the authority.</returns>
    private async Task<string> StartTlsServerAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var (certificateFile, keyFile) = (Path.Combine(_directory.FullName, "server.pem"), Path.Combine(_directory.FullName, "server.key"));
        await File.WriteAllTextAsync(certificateFile, certificate.ExportCertificatePem(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(keyFile, key.ExportPkcs8PrivateKeyPem(), TestContext.Current.CancellationToken);
        await StartServerAsync("--tls", "--tlscert", certificateFile, "--tlskey", keyFile);
        return certificateFile;
    }

    private Task<BackplaneNode> StartNodeAsync(NatsOpts configuration, TimeSpan? timeout = null) => BackplaneNode.StartAsync(NatsFactory.Backplane(
        "",
        options =>
        {
            (options.Url, options.Configuration) = (null, configuration);
            options.OperationTimeout = timeout ?? options.OperationTimeout;
        },
        _logger));

    /// <summary>Breaks the rule that a receiver does not block, as a node does whose machine stands still.</summary>
    private sealed class BlockingReceiver(RecordingReceiver inner, ManualResetEventSlim gate) : IBackplaneReceiver
    {
        public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
        {
            Assert.True(gate.Wait(Eventually.Guard));
            inner.OnReceived(channel, payload);
        }

        public void OnUnavailable(Exception? cause) => inner.OnUnavailable(cause);

        public void OnAvailable() => inner.OnAvailable();

        public void OnPossibleLoss(string description) => inner.OnPossibleLoss(description);
    }
}

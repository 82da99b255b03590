using System.Net;
using System.Net.Sockets;
using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Hosts;

/// <summary>Whatever the NATS client lets one write as an address: it works, or it stops the start with a reason.</summary>
public sealed class UrlTests(NatsServer server)
{
    private const string Secret = "s3cr3t";
    private const string Channel = "urls:v1:chat:user:alice";

    [Theory]
    [InlineData("nats://127.0.0.1:PORT")]
    [InlineData("NATS://127.0.0.1:PORT")]
    [InlineData("127.0.0.1:PORT")]
    [InlineData("localhost:PORT")]
    [InlineData("LOCALHOST:PORT/")]
    [InlineData("nats://127.0.0.1:PORT/")]
    [InlineData("  nats://127.0.0.1:PORT , ")]
    [InlineData(" 127.0.0.1:PORT,localhost:PORT,")]
    [InlineData("nats://127.0.0.1:1,nats://127.0.0.1:PORT")]
    [InlineData("nats://unneeded:password@127.0.0.1:PORT")]
    [InlineData("token@127.0.0.1:PORT,127.0.0.1:PORT")]
    [InlineData("nats://[::ffff:127.0.0.1]:PORT")]
    public async Task Url_ThatIsTaken_ReachesNodesWithAnother(string url)
    {
        server.SkipUnlessAvailable();
        await AssertHearEachOtherAsync(server.Url, url.Replace("PORT", $"{server.Port}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("app", "p@ss/w,rd:#?%", "app:p%40ss%2Fw%2Crd%3A%23%3F%25@")]
    [InlineData("a b", "c", "a%20b:c@")]
    public async Task Password_WithWhatIsSpecial_SignsInPercentEncoded(string user, string password, string credentials)
    {
        await using var secured = new NatsServer { Configuration = $"authorization {{ user: \"{user}\", password: \"{password}\" }}" };
        secured.SkipUnlessAvailable();
        await secured.StartAsync();

        await AssertHearEachOtherAsync($"nats://{credentials}{secured.EndPoint}", $"{credentials}{secured.EndPoint},{secured.EndPoint}");
    }

    [Fact]
    public async Task WebSocket_OfTheServer_ReachesNodesOnItsPort()
    {
        var port = FreePort();
        await using var both = new NatsServer { Configuration = $"websocket {{ host: \"127.0.0.1\", port: {port}, no_tls: true }}" };
        both.SkipUnlessAvailable();
        await both.StartAsync();

        await AssertHearEachOtherAsync(both.Url, $"ws://127.0.0.1:{port}/");
    }

    [Theory]
    [InlineData("", "is no list of NATS servers")]
    [InlineData(" , ", "is no list of NATS servers")]
    [InlineData("http://host:4222", "is no list of NATS servers")]
    [InlineData("nats:host:4222", "is no list of NATS servers")]
    [InlineData("nats//host", "is no list of NATS servers")]
    [InlineData("nats://", "is no list of NATS servers")]
    [InlineData("nats://host:0", "is no list of NATS servers")]
    [InlineData("nats://host:99999", "is no list of NATS servers")]
    [InlineData("nats://host:port", "is no list of NATS servers")]
    [InlineData("::1", "is no list of NATS servers")]
    [InlineData("nats://::1:4222", "is no list of NATS servers")]
    [InlineData("nats://no host", "is no list of NATS servers")]
    [InlineData("nats://host/path", "is no list of NATS servers")]
    [InlineData("nats://host?x=1", "is no list of NATS servers")]
    [InlineData("nats://host#s3cr3t", "is no list of NATS servers")]
    [InlineData("nats://app:s3cr3t/x@host", "is no list of NATS servers")]
    [InlineData("nats://app:1/s3cr3t@host", "is no list of NATS servers")]
    [InlineData("nats://to?s3cr3t@host", "is no list of NATS servers")]
    [InlineData("wss://to/s3cr3t@host", "is no list of NATS servers")]
    [InlineData("ws://app:1/s3cr3t@host/path", "is no list of NATS servers")]
    [InlineData("wss://to?s3cr3t@host", "is no list of NATS servers")]
    [InlineData("nats://app:s3cr3t,x@host", "is no list of NATS servers")]
    [InlineData("nats://app:1,s3cr3t@host", "has credentials that the client would not use")] // a comma makes a host of what is before it
    [InlineData("nats://host,nats://app:s3cr3t@other", "has credentials that the client would not use")]
    [InlineData("nats://app:one@host,nats://app:s3cr3t@other", "has credentials that the client would not use")]
    [InlineData("nats://s3cr3t:@host", "has a user without a password")] // which the client takes for a token
    [InlineData("nats://:s3cr3t@host", "has a user without a password")] // and this for nothing
    public void Url_ThatCannotWork_IsRefusedWithAReasonAndWithoutASecret(string url, string reason)
    {
        var validator = new NatsConnectionOptionsValidator<NatsBackplaneOptions>();

        var alone = validator.Validate(null, new() { Url = url });
        var copied = validator.Validate(null, new() { Configuration = new() { Url = url } });

        Assert.Contains($"NatsBackplaneOptions.Url {reason}", alone.FailureMessage);
        Assert.Contains($"NatsBackplaneOptions.Configuration.Url {reason}", copied.FailureMessage);
        Assert.DoesNotContain(Secret, alone.FailureMessage + copied.FailureMessage);
    }

    public static TheoryData<string, NatsOpts> Impossible => new()
    {
        { "Echo is off", new() { Echo = false } },
        { "Headers is off", new() { Headers = false } },
        { "SubjectEncoding is utf-16", new() { SubjectEncoding = Encoding.Unicode } },
        { "HeaderEncoding is utf-16", new() { HeaderEncoding = Encoding.Unicode } },
        { "InboxPrefix is no subject", new() { InboxPrefix = "" } },
        { "InboxPrefix is no subject", new() { InboxPrefix = "a..b" } },
        { "InboxPrefix is no subject", new() { InboxPrefix = "a.>" } },
        { "InboxPrefix is no subject", new() { InboxPrefix = "a b" } },
        { "ConnectTimeout is 00:00:00", new() { ConnectTimeout = TimeSpan.Zero } },
        { "CommandTimeout is 00:00:00", new() { CommandTimeout = TimeSpan.Zero } },
        { "PingInterval is 00:00:00", new() { PingInterval = TimeSpan.Zero } },
    };

    [Theory]
    [MemberData(nameof(Impossible), DisableDiscoveryEnumeration = true)]
    public async Task Setting_WithWhichNothingWorks_IsRefused(string reason, NatsOpts opts)
    {
        await using var connection = new NatsConnection(opts);

        var configured = new NatsConnectionOptionsValidator<NatsBackplaneOptions>().Validate(null, new() { Configuration = opts });
        var connected = new NatsConnectionOptionsValidator<NatsSessionStoreOptions>().Validate(null, new() { Connection = connection });

        Assert.Contains($"NatsBackplaneOptions.Configuration.{reason}", configured.FailureMessage);
        Assert.Contains($"NatsSessionStoreOptions.Connection.Opts.{reason}", connected.FailureMessage);
    }

    [Fact]
    public async Task Settings_OtherThanTheDefaults_Work()
    {
        server.SkipUnlessAvailable();
        var opts = new NatsOpts
        {
            Url = $" {server.Url} ",
            Verbose = true,
            NoRandomize = true,
            InboxPrefix = "_INBOX.app",
            RequestReplyMode = NatsRequestReplyMode.SharedInbox,
            SubPendingChannelCapacity = 1,
            WriterBufferSize = 1024,
            ReaderBufferSize = 1024,
            UseThreadPoolCallback = true,
            WaitUntilSent = true,
            Name = "a name with blanks",
        };
        await using var one = await BackplaneNode.StartAsync(NatsFactory.Backplane(server.Url));
        await using var other = await BackplaneNode.StartAsync(NatsFactory.Backplane("", options => (options.Url, options.Configuration) = (null, opts)));

        await AssertHearEachOtherAsync(one, other);
    }

    private static async Task AssertHearEachOtherAsync(string url, string otherUrl)
    {
        Assert.Null(new NatsConnectionOptionsValidator<NatsBackplaneOptions>().Validate(null, new() { Url = otherUrl }).FailureMessage);
        await using var one = await BackplaneNode.StartAsync(NatsFactory.Backplane(url));
        await using var other = await BackplaneNode.StartAsync(NatsFactory.Backplane(otherUrl));
        await AssertHearEachOtherAsync(one, other);
    }

    private static async Task AssertHearEachOtherAsync(BackplaneNode one, BackplaneNode other)
    {
        await one.SubscribeAsync(Channel);
        await other.SubscribeAsync(Channel);
        await one.PublishAsync(Channel, "from the one");
        await other.Received.WaitForAsync(Channel, "from the one");
        await other.PublishAsync(Channel, "from the other");
        await one.Received.WaitForAsync(Channel, "from the other");
        Assert.Empty(one.Received.Reports);
        Assert.Empty(other.Received.Reports);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

public sealed class OptionsTests
{
    public static TheoryData<string, string, string> Bounds => new()
    {
        { "MessageTimeout", "00:00:01", "00:00:00.9" },
        { "MessageTimeout", "01:00:00", "01:00:01" },
        { "MaxMessagesPerSecond", "1", "0" },
        { "MaxMessagesPerSecond", "1000000", "1000001" },
        { "MaxReceivedBytesPerSecond", "1024", "1023" },
        { "MaxReceivedBytesPerSecond", "1073741824", "1073741825" },
        { "MaxConnections", "1", "0" },
        { "MaxConnections", "16777216", "16777217" },
        { "MaxHandshakesPerSecond", "1", "0" },
        { "MaxHandshakesPerSecond", "1000000", "1000001" },
        { "MaxConnectionsPerUser", "1", "0" },
        { "MaxConnectionsPerUser", "1000000", "1000001" },
        { "MaxConnectionsPerAddress", "1", "0" },
        { "MaxConnectionsPerAddress", "1000000", "1000001" },
        { "MaxConnectionAge", "00:00:00", "-00:00:01" },
        { "MaxConnectionAge", "7.00:00:00", "7.00:00:01" },
        { "IdleTimeout", "00:00:00", "-00:00:01" },
        { "IdleTimeout", "00:00:01", "00:00:00.9" },
        { "IdleTimeout", "7.00:00:00", "7.00:00:01" },
        { "MaxGroupsPerConnection", "1", "0" },
        { "MaxGroupsPerConnection", "1000000", "1000001" },
        { "MaxQueuedBytes", "1048576", "1048575" },
        { "MaxQueuedBytes", "1099511627776", "1099511627777" },
        { "MaxMessageBytes", "1", "0" },
        { "MaxMessageBytes", "16777216", "16777217" },
        { "OutboundQueueBytes", "1024", "1023" },
        { "OutboundQueueBytes", "1073741824", "1073741825" },
        { "OutboundQueueFrames", "1", "0" },
        { "OutboundQueueFrames", "1048576", "1048577" },
        { "SlowConsumerPolicy", "DropOldest", "7" },
        { "ReceiveRatePolicy", "Close", "7" },
        { "KeepAliveInterval", "00:00:01", "00:00:00.9" },
        { "KeepAliveInterval", "01:00:00", "01:00:01" },
        { "KeepAliveTimeout", "00:00:01", "00:00:00.9" },
        { "KeepAliveTimeout", "01:00:00", "01:00:01" },
        { "CloseTimeout", "00:00:00.1", "00:00:00.09" },
        { "CloseTimeout", "00:01:00", "00:01:01" },
        { "CompressionThresholdBytes", "1", "0" },
        { "CompressionThresholdBytes", "16777216", "16777217" },
        { "HeartbeatInterval", "00:00:00.1", "00:00:00.09" },
        { "HeartbeatInterval", "00:00:07.5", "00:00:07.6" }, // half of the lease's 15 seconds
        { "HeartbeatInterval", "00:00:01", "00:05:01" },
        { "LeaseExpiry", "00:00:10", "00:00:09.9" }, // twice the heartbeat's 5 seconds
        { "LeaseExpiry", "01:00:00", "01:00:01" },
        { "RemoteCommandTimeout", "00:00:00.1", "00:00:00.09" },
        { "RemoteCommandTimeout", "00:05:00", "00:05:01" },
        { "UnsubscribeDelay", "00:00:00", "-00:00:01" },
        { "UnsubscribeDelay", "01:00:00", "01:00:01" },
        { "DrainTimeout", "00:00:00", "-00:00:01" },
        { "DrainTimeout", "01:00:00", "01:00:01" },
        { "Lanes", "1", "0" },
        { "Lanes", "64", "65" },
        { "LaneCapacity", "16", "15" },
        { "LaneCapacity", "1048576", "1048577" },
        { "EnvelopeKeys:0", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==" },
        { "EnvelopeMaxAge", "00:00:01", "00:00:00.9" },
        { "EnvelopeMaxAge", "1.00:00:00", "1.00:00:01" },
        { "MaxEnvelopeBytes", "65536", "65535" },
        { "MaxEnvelopeBytes", "268435456", "268435457" },
        { "LaneBytes", "1048576", "1048575" },
        { "LaneBytes", "1073741824", "1073741825" },
        { "PendingSessionBytes", "65536", "65535" },
        { "PendingSessionBytes", "1073741824", "1073741825" },
        { "PendingSessionChanges", "16", "15" },
        { "PendingSessionChanges", "1048576", "1048577" },
        { "NodeName", "a-Z_9", "a.b" },
        { "NodeName", new string('x', 64), new string('x', 65) },
        { "Prefix", "a.b-C_9", "a:b" },
        { "Prefix", new string('x', 64), new string('x', 65) },
        { "AllowedOrigins:0", "https://a.example:8443", "a.example" },
        { "AllowedOrigins:0", "*", "https://a.example/" },
        { "AllowedOrigins:0", "https://xn--bcher-kva.example", "https://b\u00fccher.example" },
        { "AllowedOrigins:0", "app://a.example", "//a.example" },
        { "AllowedOrigins:0", "http://[::1]:80", "http://[::1]:80 " },
        { "SubProtocols:0", "v1.chat", "v 1" },
        { "ConnectionFilterTimeout", "00:00:00.1", "00:00:00.09" },
        { "ConnectionFilterTimeout", "00:05:00", "00:05:01" },
    };

    [Theory]
    [MemberData(nameof(Bounds))]
    public async Task Option_JustInsidePasses_JustOutsideStopsTheStart(string option, string inside, string outside)
    {
        using (var host = Build(option, inside))
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            await host.StopAsync(TestContext.Current.CancellationToken);
        }

        using var broken = Build(option, outside);
        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => broken.StartAsync(TestContext.Current.CancellationToken));
        var failure = Assert.Single(exception.Failures);
        Assert.Contains(option.Split(':')[0], failure);
        Assert.True(failure.Length > option.Length + 20, failure); // says more than the name
    }

    [Theory]
    [InlineData(65_536, true)]
    [InlineData(65_535, false)]
    public async Task ReceiveRatePolicy_Close_NeedsRoomForOneMessage(int bytesPerSecond, bool valid)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddDistributedWebSockets(options =>
        {
            options.ReceiveRatePolicy = ReceiveRatePolicy.Close;
            options.MaxReceivedBytesPerSecond = bytesPerSecond;
        });
        using var host = builder.Build();

        if (valid)
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            await host.StopAsync(TestContext.Current.CancellationToken);
            return;
        }

        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains("MaxReceivedBytesPerSecond is 65535 and MaxMessageBytes 65536", exception.Message);
    }

    [Theory]
    [InlineData("MaxMessageBytes", "0", "0", "1", "16777216")]
    [InlineData("KeepAliveInterval", "00:00:00", "00:00:00", "00:00:01", "01:00:00")]
    [InlineData("Lanes", "65", "65", "1", "64")]
    public async Task Option_Outside_MessageNamesOptionValueAndRange(string option, string value, params string[] parts)
    {
        using var host = Build(option, value);
        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Contains(option, exception.Message);
        Assert.All(parts, part => Assert.Contains(part, exception.Message));
    }

    [Fact]
    public void Configuration_Bound_CodeWinsAndCollectionsAreBoundOnce()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["DistributedWebSockets:MaxMessageBytes"] = "111",
            ["DistributedWebSockets:Lanes"] = "3",
            ["DistributedWebSockets:Prefix"] = "shop",
            ["DistributedWebSockets:AllowedOrigins:0"] = "https://a.example",
        });
        builder.Services.AddDistributedWebSockets(options => options.MaxMessageBytes = 222);
        builder.Services.AddDistributedWebSockets(options => options.AllowedOrigins.Add("https://b.example"));
        using var host = builder.Build();

        var options = host.Services.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value;

        Assert.Equal((222, 3), (options.MaxMessageBytes, options.Lanes));
        Assert.Equal(["https://a.example", "https://b.example"], options.AllowedOrigins);
        Assert.Equal("shop", host.Services.GetRequiredService<IOptions<DistributedWebSocketsClusterOptions>>().Value.Prefix);
    }

    private static IHost Build(string option, string value)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection([new($"DistributedWebSockets:{option}", value)]);
        builder.Services.AddDistributedWebSockets();
        return builder.Build();
    }
}

using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

/// <summary>What the app's configuration may hold, and what stops the start.</summary>
public sealed class SectionTests
{
    private const string Secret = "s3cr3t";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("MaxMessageByte", "DistributedWebSockets:MaxMessageByte is not an option. The nearest is DistributedWebSockets:MaxMessageBytes.")]
    [InlineData("maxmesagebytes", "DistributedWebSockets:maxmesagebytes is not an option. The nearest is DistributedWebSockets:MaxMessageBytes.")]
    [InlineData("Prefx", "DistributedWebSockets:Prefx is not an option. The nearest is DistributedWebSockets:Prefix.")]
    [InlineData("EnvelopeKey:0", "DistributedWebSockets:EnvelopeKey is not an option. The nearest is DistributedWebSockets:EnvelopeKeys.")]
    [InlineData("Pebbel:Size", "DistributedWebSockets:Pebbel is not an option. The nearest is DistributedWebSockets:Pebble.")]
    [InlineData("Pebble:Siz", "DistributedWebSockets:Pebble:Siz is not an option. The nearest is DistributedWebSockets:Pebble:Size.")]
    [InlineData("Size", "DistributedWebSockets:Size is not an option. The nearest is DistributedWebSockets:Pebble:Size.")]
    [InlineData("Pebble:Prefix", "DistributedWebSockets:Pebble:Prefix is not an option. The nearest is DistributedWebSockets:Prefix.")]
    [InlineData("Pebble:Stones:1:Hue", "DistributedWebSockets:Pebble:Stones:1:Hue is not an option. The nearest is DistributedWebSockets:Pebble:Stones:1:Colour.")]
    [InlineData("Pebble:Callback", "DistributedWebSockets:Pebble:Callback can be set in code only")]
    [InlineData("Pebble:Owner", "DistributedWebSockets:Pebble:Owner can be set in code only, since it is an object of type Object.")]
    [InlineData("Pebble", "DistributedWebSockets:Pebble is a single text. It is a section")]
    [InlineData("host,password=s3cr3t", "DistributedWebSockets:(a key of 20 characters) is not an option.")]
    [InlineData("MaxMessageBytes", "DistributedWebSockets:MaxMessageBytes is a text of 6 characters. Write a whole number of at most 2147483647 there.")]
    [InlineData("MaxQueuedBytes", "DistributedWebSockets:MaxQueuedBytes is a text of 6 characters. Write a whole number of at most 9223372036854775807 there.")]
    [InlineData("EnableCompression", "DistributedWebSockets:EnableCompression is a text of 6 characters. Write true or false there.")]
    [InlineData("KeepAliveInterval", "DistributedWebSockets:KeepAliveInterval is a text of 6 characters. Write a duration as hh:mm:ss")]
    [InlineData("SlowConsumerPolicy", "DistributedWebSockets:SlowConsumerPolicy is a text of 6 characters. Write Close or DropNewest or DropOldest there.")]
    [InlineData("AllowedOrigins", "DistributedWebSockets:AllowedOrigins is a single text. It is a list")]
    [InlineData("EnvelopeKeys", "DistributedWebSockets:EnvelopeKeys is a single text. It is a list")]
    [InlineData("AllowedOrigins:0:Url", "DistributedWebSockets:AllowedOrigins:0 holds keys of its own. Write a text there.")]
    [InlineData("MaxMessageBytes:Value", "DistributedWebSockets:MaxMessageBytes holds keys of its own. Write a whole number")]
    [InlineData("Pebble:Size", "DistributedWebSockets:Pebble:Size is a text of 6 characters.")]
    public async Task Key_ThatSetsNothing_StopsTheStartSayingWhatWasMeant(string key, string message)
    {
        var refusal = await RefusalAsync((key, Secret));

        Assert.Contains(message, refusal);
        Assert.DoesNotContain(Secret, refusal);
    }

    [Theory]
    [InlineData("MaxMessageBytes", "", "is empty")]
    [InlineData("MaxMessageBytes", "1.5", "is a number. Write a whole number")]
    [InlineData("MaxMessageBytes", "99999999999", "is a number. Write a whole number of at most 2147483647")]
    [InlineData("MaxMessageBytes", "65,536", "is a text of 6 characters")]
    [InlineData("EnableCompression", "1", "is a number. Write true or false")]
    [InlineData("EnableCompression", "yes", "is a text of 3 characters")]
    [InlineData("IdleTimeout", "5", "is a number. Write a duration")] // the platform reads it as 5 days
    [InlineData("IdleTimeout", "24:00:00", "is a text of 8 characters")] // and this as 24 days
    [InlineData("IdleTimeout", "30s", "is a text of 3 characters")]
    [InlineData("SlowConsumerPolicy", "7", "is a number. Write Close")]
    [InlineData("SlowConsumerPolicy", "Close,DropNewest", "is a text of 16 characters")]
    public async Task Value_ThatCannotBeRead_StopsTheStart(string key, string value, string message)
    {
        var refusal = await RefusalAsync((key, value));

        Assert.Contains($"DistributedWebSockets:{key} {message}", refusal);
    }

    [Fact]
    public async Task Keys_SeveralWrong_AreAllNamed()
    {
        var refusal = await RefusalAsync(("Prefx", "a"), ("Lane", "2"), ("Pebble:Siz", "1"));

        Assert.All(["DistributedWebSockets:Prefx", "DistributedWebSockets:Lane ", "DistributedWebSockets:Pebble:Siz"], key => Assert.Contains(key, refusal));
    }

    [Fact]
    public async Task Values_SeveralWrong_AreAllNamed()
    {
        var refusal = await RefusalAsync(("Lanes", "a"), ("MaxMessageBytes", "b"));

        Assert.All(["DistributedWebSockets:Lanes is", "DistributedWebSockets:MaxMessageBytes is"], key => Assert.Contains(key, refusal));
    }

    [Fact]
    public async Task Section_OfAPackageThatIsNotUsed_IsLeftAlone()
    {
        using var host = Build(("Redis:ConnectionString", "one:1"), ("Redis:Whatever", "x"), ("nats:Url", "y"));

        await host.StartAsync(Cancellation);
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Section_OfNobody_StopsTheStart() =>
        Assert.Contains("DistributedWebSockets:Postgres is not an option", await RefusalAsync(("Postgres:ConnectionString", "x")));

    [Fact]
    public void Values_OfEveryKind_AreTaken()
    {
        using var host = Build(
            ("maxmessagebytes", " 17 "),
            ("MAXQUEUEDBYTES", "2000000"),
            ("EnableCompression", "True"),
            ("KeepAliveInterval", "00:00:01.5"),
            ("MaxConnectionAge", "2.00:00:00"),
            ("SlowConsumerPolicy", "dropoldest"),
            ("NodeName", "a"),
            ("SubProtocols:0", "one"),
            ("SubProtocols:1", "two"),
            ("Pebble:Size", "3"),
            ("Pebble:Stones:0", "red"),
            ("Pebble:Stones:1:Colour", "blue"));

        var options = Value<DistributedWebSocketsOptions>(host);
        Assert.Equal((17, 2_000_000L, true), (options.MaxMessageBytes, options.MaxQueuedBytes, options.EnableCompression));
        Assert.Equal((TimeSpan.FromSeconds(1.5), TimeSpan.FromDays(2)), (options.KeepAliveInterval, options.MaxConnectionAge));
        Assert.Equal((SlowConsumerPolicy.DropOldest, "a"), (options.SlowConsumerPolicy, options.NodeName));
        Assert.Equal(["one", "two"], options.SubProtocols);
        Assert.Equal(3, Value<PebbleOptions>(host).Size);
        Assert.Equal(["red", "blue"], Value<PebbleOptions>(host).Colours);
    }

    [Fact]
    public void Json_WithNullsAndEmptyParts_LeavesTheDefaults()
    {
        using var host = Build(static configuration => configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(
            """{ "DistributedWebSockets": { "MaxMessageBytes": null, "AllowedOrigins": [], "SubProtocols": null, "Pebble": {}, "Lanes": 3, "EnableCompression": true } }"""))));

        var options = Value<DistributedWebSocketsOptions>(host);
        Assert.Equal((65_536, 3, true), (options.MaxMessageBytes, options.Lanes, options.EnableCompression));
        Assert.Empty(options.AllowedOrigins);
        Assert.Empty(options.SubProtocols);
        Value<DistributedWebSocketsClusterOptions>(host);
    }

    [Fact]
    public async Task CommandLineAndEnvironment_AreReadAndCheckedAlike()
    {
        using (var host = Build(static configuration => configuration.AddCommandLine(["--DistributedWebSockets:Pebble:Size=7", "--DistributedWebSockets:Lanes", "2"])))
        {
            Assert.Equal((7, 2), (Value<PebbleOptions>(host).Size, Value<DistributedWebSocketsOptions>(host).Lanes));
        }

        const string prefix = "SectionTests_";
        Environment.SetEnvironmentVariable($"{prefix}DistributedWebSockets__Pebble__Siz", "7");
        try
        {
            using var host = Build(static configuration => configuration.AddEnvironmentVariables(prefix));
            var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));
            Assert.Contains("DistributedWebSockets:Pebble:Siz is not an option", refusal.Message);
        }
        finally
        {
            Environment.SetEnvironmentVariable($"{prefix}DistributedWebSockets__Pebble__Siz", null);
        }
    }

    [Fact]
    public void Code_RegisteredBefore_WinsToo()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection([new("DistributedWebSockets:Lanes", "2"), new("DistributedWebSockets:Prefix", "section")]);
        builder.Services.Configure<DistributedWebSocketsOptions>(static options => options.Lanes = 5);
        builder.Services.Configure<DistributedWebSocketsClusterOptions>(static options => options.Prefix = "code");
        builder.Services.AddDistributedWebSockets();
        using var host = builder.Build();

        Assert.Equal(5, Value<DistributedWebSocketsOptions>(host).Lanes);
        Assert.Equal("code", Value<DistributedWebSocketsClusterOptions>(host).Prefix);
    }

    private static TOptions Value<TOptions>(IHost host)
        where TOptions : class => host.Services.GetRequiredService<IOptions<TOptions>>().Value;

    private static async Task<string> RefusalAsync(params (string Key, string Value)[] section)
    {
        using var host = Build(section);
        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));
        return refusal.ToString();
    }

    private static IHost Build(params (string Key, string Value)[] section) => Build(configuration => configuration.AddInMemoryCollection(
        section.Select(static entry => KeyValuePair.Create<string, string?>($"DistributedWebSockets:{entry.Key}", entry.Value))));

    private static IHost Build(Action<IConfigurationBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        configure(builder.Configuration);
        builder.Services.AddDistributedWebSockets().BindOptions(new OptionsSection<PebbleOptions>("Pebble").AddList<Stone>(
            "Stones",
            static text => new() { Colour = text },
            static (options, stones) => options.Colours.AddRange(stones.Select(static stone => stone.Colour))));
        builder.Services.AddOptions<PebbleOptions>().ValidateOnStart();
        return builder.Build();
    }

    private sealed class PebbleOptions
    {
        public int Size { get; set; }

        public Action? Callback { get; set; }

        public object? Owner { get; set; }

        internal List<string> Colours { get; } = [];
    }

    private sealed class Stone
    {
        public string Colour { get; set; } = "";
    }
}

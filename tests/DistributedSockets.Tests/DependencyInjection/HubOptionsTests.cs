using System.Linq.Expressions;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>Which options a hub has, and what stops the start.</summary>
public sealed class HubOptionsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Options => [.. typeof(HubOptions).GetProperties().Select(static property => property.Name)];

    [Theory]
    [MemberData(nameof(Options))]
    public void Option_SetForAllHubs_IsThatOfEachHub(string option)
    {
        var property = typeof(HubOptions).GetProperty(option)!;
        var process = new DistributedWebSocketsOptions();
        if (property.GetValue(process) is IList<string> list)
        {
            list.Add("https://a.example");
        }
        else if (property.GetValue(process) is IList<WebSocketProtocol> protocols)
        {
            protocols.Add(ResumeV1Protocol.Instance);
        }
        else
        {
            property.SetValue(process, Other(property));
        }

        var hub = new HubOptions();
        hub.InheritFrom<HubOptions>(process);

        Assert.Equal(property.GetValue(process), property.GetValue(hub));
        Assert.All(typeof(HubOptions).GetProperties().Where(other => other.Name != option), other => Assert.Equal(other.GetValue(new HubOptions()), other.GetValue(hub)));
    }

    [Fact]
    public void Options_FromAllSides_TheNearestWins()
    {
        using var host = Build(
            sockets => sockets.AddHub("chat", static hub => hub.OutboundQueueFrames = 4).AddHub("chat", static hub => hub.OutboundQueueBytes += 1),
            static options => (options.MaxMessageBytes, options.OutboundQueueFrames, options.CompressionThresholdBytes) = (2, 2, 2),
            ("MaxMessageBytes", "1"),
            ("MaxGroupsPerConnection", "1"),
            ("Hubs:Chat:MaxMessageBytes", "3"),
            ("Hubs:chat:OutboundQueueFrames", "3"),
            ("Hubs:chat:OutboundQueueBytes", "3333"));

        var (chat, other) = (Hub(host, "chat"), Hub(host, "other"));

        Assert.Equal((3, 4, 2, 1, 3_334), (chat.MaxMessageBytes, chat.OutboundQueueFrames, chat.CompressionThresholdBytes, chat.MaxGroupsPerConnection, chat.OutboundQueueBytes));
        Assert.Equal((2, 2, 2, 1), (other.MaxMessageBytes, other.OutboundQueueFrames, other.CompressionThresholdBytes, other.MaxGroupsPerConnection));
        Assert.Same(chat, host.Services.GetRequiredService<IOptionsMonitor<HubOptions>>().Get("chat"));
    }

    [Fact]
    public void List_InTheSectionOfAHub_TakesThePlaceOfTheOneForAllHubs()
    {
        using var host = Build(
            static sockets => sockets.AddHub("added", static hub => hub.SubProtocols.Add("c")),
            null,
            ("SubProtocols:0", "a"),
            ("SubProtocols:1", "b"),
            ("Hubs:own:SubProtocols:0", "x"),
            ("Hubs:none:SubProtocols", ""));

        Assert.Equal(["a", "b", "c"], Hub(host, "added").SubProtocols);
        Assert.Equal(["x"], Hub(host, "own").SubProtocols);
        Assert.Empty(Hub(host, "none").SubProtocols);
        Assert.Equal(["a", "b"], Hub(host, "other").SubProtocols);
    }

    [Theory]
    [InlineData("Hubs:chat:MaxMessageByte", "1", "DistributedWebSockets:Hubs:chat:MaxMessageByte is not an option. The nearest is DistributedWebSockets:Hubs:chat:MaxMessageBytes.")]
    [InlineData("Hubs:chat:Lanes", "1", "DistributedWebSockets:Hubs:chat:Lanes is not an option. The nearest is DistributedWebSockets:Lanes.")]
    [InlineData("Hubs:chat", "1", "DistributedWebSockets:Hubs:chat is a single text. It is a section")]
    [InlineData("Hubs", "1", "DistributedWebSockets:Hubs is a single text. It holds a section for each name")]
    [InlineData("Hub:chat:MaxMessageBytes", "1", "DistributedWebSockets:Hub is not an option. The nearest is DistributedWebSockets:Hubs.")]
    [InlineData("Hubs:chat:MaxMessageBytes", "many", "DistributedWebSockets:Hubs:chat:MaxMessageBytes is a text of 4 characters. Write a whole number")]
    [InlineData("Hubs:chat:MaxMessageBytes", "0", "Hub 'chat': MaxMessageBytes is 0. Set it to between 1 and 16777216.")]
    [InlineData("Hubs:chat:KeepAliveInterval", "00:00:00.5", "Hub 'chat': KeepAliveInterval is 00:00:00.5000000. Set it to between 00:00:01 and 01:00:00.")]
    [InlineData("Hubs:chat:ReceiveRatePolicy", "Close", "Hub 'chat': MaxReceivedBytesPerSecond is 1024 and MaxMessageBytes 65536.")]
    [InlineData("Hubs:chat:AllowedOrigins:0", "https://a.example/", "Hub 'chat': AllowedOrigins contains 'https://a.example/'")]
    [InlineData("Hubs:my chat:MaxMessageBytes", "1", "DistributedWebSockets:Hubs holds a section whose name, of 7 characters, no hub can have.")]
    public async Task Section_ThatCannotBeUsed_StopsTheStart(string key, string value, string message)
    {
        using var host = Build(null, null, (key, value), ("MaxReceivedBytesPerSecond", "1024"));

        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));

        Assert.Contains(message, refusal.Message);
    }

    [Fact]
    public async Task Options_OfSeveralHubsOutOfRange_AreAllNamedAtTheStart()
    {
        using var host = Build(static sockets => sockets.AddHub("a", static hub => hub.MaxMessageBytes = 0).AddHub("b", static hub => hub.CloseTimeout = default), null);

        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));

        Assert.Equal(2, refusal.Failures.Count());
        Assert.Contains("Hub 'a': MaxMessageBytes is 0.", refusal.Message);
        Assert.Contains("Hub 'b': CloseTimeout is 00:00:00.", refusal.Message);
    }

    [Fact]
    public async Task Add_TwoHandlersWithOneHub_StopsTheStart()
    {
        using var host = Build(static sockets => sockets.AddHub<ProbeHandler>().AddHub<ImpostorHandler>(), null);

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync(Cancellation));

        Assert.Contains("Hub 'probe' belongs to", refusal.Message);
    }

    [Fact]
    public void Add_NameOfAnotherForm_IsRefused() =>
        Assert.Contains("is no hub name", Assert.Throws<ArgumentException>(() => new ServiceCollection().AddDistributedWebSockets().AddHub("My Hub")).Message);

    [Fact]
    public async Task Section_OfAHubThatNobodyKnows_IsWarnedOf()
    {
        using var host = Build(
            static sockets => sockets.AddHub("added"), null, ("Hubs:added:MaxMessageBytes", "1"), ("Hubs:misspelt:MaxMessageBytes", "1"), ("Hubs:sent-to:MaxMessageBytes", "1"));
        host.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("sent-to");

        await host.StartAsync(Cancellation);

        var warning = Assert.Single(host.Services.GetFakeLogCollector().GetSnapshot(), static record => record.Id.Id == 211);
        Assert.Contains("DistributedWebSockets:Hubs:misspelt", warning.Message);
        await host.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 2)]
    public async Task Hub_NamedAfterItsClass_IsWarnedOfOnceWhereTheNodeIsNotAlone(bool hasBackplane, int warnings)
    {
        using var host = Build(
            sockets =>
            {
                sockets.AddHub<ProbeHandler>(); // which names its hub itself
                sockets.AddHub<UnnamedHandler>();
                if (hasBackplane)
                {
                    var cluster = new InMemoryCluster();
                    sockets.UseBackplane(_ => new FakeBackplane(cluster));
                }
            },
            null);
        host.Services.GetRequiredService<IWebSocketRouter<OtherUnnamedHandler>>();
        host.Services.GetRequiredService<IWebSocketRouter<UnnamedHandler>>();

        await host.StartAsync(Cancellation);

        var logged = host.Services.GetFakeLogCollector().GetSnapshot().Where(static record => record.Id.Id == 210).ToArray();
        Assert.Equal(warnings, logged.Length);
        Assert.All(logged, static record => Assert.Equal(LogLevel.Warning, record.Level));
        if (hasBackplane)
        {
            Assert.Contains(logged, static record => record.Message.Contains("[WebSocketHub(\"unnamed\")]", StringComparison.Ordinal));
            Assert.Contains(logged, static record => record.Message.Contains("'otherunnamed'", StringComparison.Ordinal));
        }

        await host.StopAsync(Cancellation);
    }

    private static object Other(PropertyInfo property) => property.PropertyType switch
    {
        var type when type == typeof(int) => 77_777,
        var type when type == typeof(long) => 77_777L,
        var type when type == typeof(bool) => !(bool)property.GetValue(new HubOptions())!,
        var type when type == typeof(TimeSpan) => TimeSpan.FromSeconds(7),
        var type when type.IsAssignableTo(typeof(Delegate)) => Expression.Lambda(
            type,
            Expression.Default(type.GetMethod("Invoke")!.ReturnType),
            type.GetMethod("Invoke")!.GetParameters().Select(static parameter => Expression.Parameter(parameter.ParameterType))).Compile(),
        var type when type.IsEnum => Enum.GetValuesAsUnderlyingType(type).GetValue(1) is { } number ? Enum.ToObject(type, number) : throw new InvalidOperationException(),
        var type when type == typeof(IRecipientFilterFactory) => new Mock<IRecipientFilterFactory>().Object,
        var type => throw new NotSupportedException($"No other value of {type} is known here."),
    };

    private static HubOptions Hub(IHost host, string name) => host.Services.GetRequiredService<Hubs>().Get(name).Options;

    private static IHost Build(
        Action<IDistributedWebSocketsBuilder>? build, Action<DistributedWebSocketsOptions>? options, params (string Key, string Value)[] section)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(
            section.Select(static entry => KeyValuePair.Create<string, string?>($"DistributedWebSockets:{entry.Key}", entry.Value)));
        builder.Logging.AddFakeLogging();
        var sockets = builder.Services.AddDistributedWebSockets(options);
        build?.Invoke(sockets);
        return builder.Build();
    }

    [WebSocketHub("probe")]
    private sealed class ImpostorHandler : WebSocketHandler;

    private sealed class UnnamedHandler : WebSocketHandler;

    private sealed class OtherUnnamedHandler : WebSocketHandler;
}

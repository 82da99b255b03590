using System.Collections;
using System.Reflection;
using DistributedSockets.Docs.Tests.Markdown;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Docs.Tests;

/// <summary>Every option of every package is set by its key in the configuration, or its key is refused.</summary>
public sealed class ConfigurationSectionTests
{
    /// <summary>Where the options stand that no registration binds by themselves: those of a package's halves have the same keys.</summary>
    private static readonly Dictionary<Type, (string Section, Type Bound)> s_sections = new()
    {
        [typeof(DistributedWebSocketsOptions)] = ("DistributedWebSockets", typeof(DistributedWebSocketsOptions)),
        [typeof(HubOptions)] = ("DistributedWebSockets", typeof(DistributedWebSocketsOptions)),
        [typeof(HandshakeOptions)] = ("DistributedWebSockets", typeof(DistributedWebSocketsOptions)),
        [typeof(DistributedWebSocketsClusterOptions)] = ("DistributedWebSockets", typeof(DistributedWebSocketsClusterOptions)),
        [typeof(RedisOptions)] = ("DistributedWebSockets:Redis", typeof(RedisBackplaneOptions)),
        [typeof(RedisBackplaneOptions)] = ("DistributedWebSockets:Redis", typeof(RedisBackplaneOptions)),
        [typeof(RedisMessageLogOptions)] = ("DistributedWebSockets:Redis", typeof(RedisMessageLogOptions)),
        [typeof(RedisSessionStoreOptions)] = ("DistributedWebSockets:Redis", typeof(RedisSessionStoreOptions)),
        [typeof(RedisServerOptions)] = ("DistributedWebSockets:Redis:Servers:0", typeof(RedisBackplaneOptions)),
        [typeof(NatsOptions)] = ("DistributedWebSockets:Nats", typeof(NatsBackplaneOptions)),
        [typeof(NatsBackplaneOptions)] = ("DistributedWebSockets:Nats", typeof(NatsBackplaneOptions)),
        [typeof(NatsMessageLogOptions)] = ("DistributedWebSockets:Nats", typeof(NatsMessageLogOptions)),
        [typeof(NatsSessionStoreOptions)] = ("DistributedWebSockets:Nats", typeof(NatsSessionStoreOptions)),
    };

    public static TheoryData<string, string> Options => ConfigurationTests.Options;

    [Theory]
    [MemberData(nameof(Options))]
    public void Option_ByItsKey_IsSetOrRefused(string typeName, string option)
    {
        var (type, (section, bound)) = s_sections.Single(entry => entry.Key.Name == typeName);
        var property = type.GetProperty(option)!;
        var key = $"{section}:{option}";
        var isList = property.PropertyType.IsGenericType;
        using var host = Build(isList ? $"{key}:0" : key, Text(property));

        if (IsForCodeOnly(type, option))
        {
            Assert.Contains($"{key} can be set in code only", Assert.Throws<OptionsValidationException>(() => Cluster(host)).Message);
            return;
        }

        Cluster(host); // the key is known
        var value = property.GetValue(type == typeof(RedisServerOptions) ? Configured<RedisBackplaneOptions>(host).Servers[0] : Configured(host, type, bound));
        if (isList)
        {
            Assert.Single((IEnumerable)value!);
        }
        else
        {
            Assert.Equal(Text(property), value is TimeSpan duration ? duration.ToString("c") : $"{value}", ignoreCase: true);
        }
    }

    /// <summary>Those of a hub: its own, and those of its handshakes.</summary>
    public static TheoryData<string> OptionsOfHubs => [.. typeof(HubOptions).GetProperties().Select(property => property.Name)];

    [Theory]
    [MemberData(nameof(OptionsOfHubs))]
    public void HubOption_ByItsKey_IsSetForThatHubAloneOrRefused(string option)
    {
        var property = typeof(HubOptions).GetProperty(option)!;
        var key = $"DistributedWebSockets:Hubs:chat:{option}";
        var isList = property.PropertyType.IsGenericType;
        using var host = Build(isList ? $"{key}:0" : key, Text(property));
        if (IsForCodeOnly(property.DeclaringType!, option))
        {
            Assert.Contains($"{key} can be set in code only", Assert.Throws<OptionsValidationException>(() => Cluster(host)).Message);
            return;
        }

        Cluster(host); // the key is known
        var (value, other) = (property.GetValue(Hub("chat")), property.GetValue(Hub("other")));
        if (isList)
        {
            Assert.Equal((1, 0), (((ICollection)value!).Count, ((ICollection)other!).Count));
        }
        else
        {
            Assert.Equal(Text(property), value is TimeSpan duration ? duration.ToString("c") : $"{value}", ignoreCase: true);
            Assert.Equal(property.GetValue(new HubOptions()), other);
        }

        HubOptions Hub(string name)
        {
            var options = new HubOptions();
            foreach (var configure in host.Services.GetServices<IConfigureOptions<HubOptions>>())
            {
                ((IConfigureNamedOptions<HubOptions>)configure).Configure(name, options);
            }

            return options;
        }
    }

    [Fact]
    public void Options_ForCodeOnly_AreThoseOfThePage() => Assert.Equal(
        ["AnswerMatcher", "Configuration", "Connection", "ConnectionMultiplexer", "Protocols", "RecipientFilters"],
        s_sections.Keys.SelectMany(type => ConfigurationTests.Own(type).Where(property => IsForCodeOnly(type, property.Name)))
            .Select(property => property.Name).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Key_OfOneHalf_IsKnownWhereOnlyTheOtherIsUsed(bool isBackplane)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            [new("DistributedWebSockets:Redis:ShardedPubSub", "true"), new("DistributedWebSockets:Nats:Storage", "File"), new("DistributedWebSockets:Nats:MaxPayloadBytes", "70000")]);
        var sockets = builder.Services.AddDistributedWebSockets();
        _ = isBackplane ? sockets.UseRedisBackplane().UseNatsBackplane() : sockets.UseRedisSessionStore().UseNatsSessionStore();
        using var host = builder.Build();

        Cluster(host);
    }

    [Fact]
    public void Redis_ShardedPubSubInTheEnvironment_IsTaken()
    {
        const string prefix = "ConfigurationSectionTests_";
        Environment.SetEnvironmentVariable($"{prefix}DistributedWebSockets__Redis__ShardedPubSub", "true");
        Environment.SetEnvironmentVariable($"{prefix}DistributedWebSockets__Redis__ConnectionString", "one:1");
        try
        {
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.Configuration.AddEnvironmentVariables(prefix);
            builder.Services.AddDistributedWebSockets().UseRedis();
            using var host = builder.Build();

            Assert.True(host.Services.GetRequiredService<IOptions<RedisBackplaneOptions>>().Value.ShardedPubSub);
        }
        finally
        {
            Environment.SetEnvironmentVariable($"{prefix}DistributedWebSockets__Redis__ShardedPubSub", null);
            Environment.SetEnvironmentVariable($"{prefix}DistributedWebSockets__Redis__ConnectionString", null);
        }
    }

    private static bool IsForCodeOnly(Type type, string option) => MarkdownTable.In(Repository.Read("docs/configuration.md"))
        .Single(table => MarkdownTable.Plain(table.Heading) == type.Name)
        .Rows.Single(row => MarkdownTable.Plain(row[0]) == option)[2] == "in code only";

    private static string Text(PropertyInfo property) => property.PropertyType switch
    {
        var type when type == typeof(bool) => "True",
        var type when type == typeof(TimeSpan) => "00:00:07",
        var type when type.IsEnum => Enum.GetNames(type)[^1],
        var type when type == typeof(int) || type == typeof(long) => "77777",
        _ => "some.text",
    };

    private static void Cluster(IHost host) => _ = host.Services.GetRequiredService<IOptions<DistributedWebSocketsClusterOptions>>().Value;

    private static object Configured(IHost host, Type type, Type bound)
    {
        var configured = typeof(ConfigurationSectionTests).GetMethod(nameof(Configured), 1, BindingFlags.NonPublic | BindingFlags.Static, [typeof(IHost)])!
            .MakeGenericMethod(bound).Invoke(null, [host])!;
        if (type.IsAssignableFrom(bound))
        {
            return configured;
        }

        // What sets both halves at once has the values of one of them.
        var both = Activator.CreateInstance(type)!;
        foreach (var property in type.GetProperties().Where(property => property.CanWrite))
        {
            property.SetValue(both, bound.GetProperty(property.Name)!.GetValue(configured));
        }

        if (both is RedisOptions redis && configured is RedisBackplaneOptions backplane)
        {
            foreach (var server in backplane.Servers)
            {
                redis.Servers.Add(server);
            }
        }

        return both;
    }

    /// <summary>The options before they are validated: the values here are of the right form, not of the right size.</summary>
    private static TOptions Configured<TOptions>(IHost host)
        where TOptions : class, new()
    {
        var options = new TOptions();
        foreach (var configure in host.Services.GetServices<IConfigureOptions<TOptions>>())
        {
            configure.Configure(options);
        }

        return options;
    }

    private static IHost Build(string key, string value)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new(key, value)]);
        builder.Services.AddDistributedWebSockets().UseRedis().UseNats();
        return builder.Build();
    }
}

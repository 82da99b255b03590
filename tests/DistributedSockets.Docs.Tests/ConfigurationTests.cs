using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using DistributedSockets.Docs.Tests.Markdown;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Docs.Tests;

/// <summary>Holds <c>docs/configuration.md</c> against the options' classes and validators.</summary>
public sealed class ConfigurationTests
{
    private const string Page = "docs/configuration.md";

    private static readonly string[] s_columns = ["option", "default", "range", "what it does"];

    /// <summary>Defaults that depend on the machine, and how the page says them.</summary>
    private static readonly Dictionary<string, string> s_computed = new(StringComparer.Ordinal)
    {
        [nameof(DistributedWebSocketsOptions.NodeName)] = "the machine's name",
        [nameof(DistributedWebSocketsOptions.Lanes)] = "the number of processors, at most 8",
    };

    private static readonly Type[] s_types =
        [.. new[] { typeof(IBackplane), typeof(DistributedWebSocketsOptions), typeof(RedisOptions), typeof(NatsOptions) }
            .SelectMany(type => type.Assembly.GetExportedTypes())
            .Where(type => type is { IsClass: true } && type.Name.EndsWith("Options", StringComparison.Ordinal)) // those of a single send are a struct
            .OrderBy(type => type.Name, StringComparer.Ordinal)];

    public static TheoryData<string, string> Options
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var type in s_types)
            {
                foreach (var property in Own(type))
                {
                    data.Add(type.Name, property.Name);
                }
            }

            return data;
        }
    }

    public static TheoryData<string> Durations =>
        [.. typeof(DistributedWebSocketsOptions).GetProperties().Where(property => property.PropertyType == typeof(TimeSpan)).Select(property => property.Name)];

    [Fact]
    public void Page_Sections_AreThePublicOptionsTypes()
    {
        var sections = Tables().Select(table => MarkdownTable.Plain(table.Heading));

        Assert.Equal(s_types.Select(type => type.Name), sections.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Page_Rows_AreTheOptions()
    {
        foreach (var type in s_types)
        {
            Assert.Equal(Own(type).Select(property => property.Name).Order(), Table(type).Rows.Select(row => MarkdownTable.Plain(row[0])).Order());
        }
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void Option_Default_IsThatOfThePage(string type, string option)
    {
        var (property, row) = Find(type, option);
        var value = property.GetValue(Activator.CreateInstance(property.DeclaringType!));

        Assert.Equal(s_computed.GetValueOrDefault(option) ?? Text(value), MarkdownTable.Plain(row[1]));
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void Option_RangeOfAnAttribute_IsThatOfThePage(string type, string option)
    {
        var (property, row) = Find(type, option);
        if (property.GetCustomAttribute<BetweenAttribute>() is { } range)
        {
            Assert.Equal($"{Text(range.Minimum)} to {Text(range.Maximum)}", row[2]);
        }
        else if (property.PropertyType.IsEnum)
        {
            Assert.Equal(string.Join(", ", Enum.GetNames(property.PropertyType).Select(name => $"`{name}`")), row[2]);
        }
        else if (property.PropertyType == typeof(TimeSpan))
        {
            Assert.True(Bounds(row[2]).Max > Bounds(row[2]).Min);
        }
    }

    [Theory]
    [MemberData(nameof(Durations))]
    public void Duration_Bounds_AreThoseOfThePage(string option)
    {
        var (property, row) = Find(typeof(DistributedWebSocketsOptions).GetProperty(option)!.DeclaringType!.Name, option);
        var (min, max) = Bounds(row[2]);
        var step = TimeSpan.FromMilliseconds(1);

        Assert.Empty(Failures(min));
        Assert.Empty(Failures(max));
        Assert.Contains(Failures(min - step), failure => failure.StartsWith($"{option} is ", StringComparison.Ordinal));
        Assert.Contains(Failures(max + step), failure => failure.StartsWith($"{option} is ", StringComparison.Ordinal));

        IEnumerable<string> Failures(TimeSpan value)
        {
            var options = new DistributedWebSocketsOptions
            {
                HeartbeatInterval = TimeSpan.FromMilliseconds(100),
                LeaseExpiry = TimeSpan.FromHours(1),
                LogMaxAge = TimeSpan.FromDays(31),
                LogIdempotencyTime = TimeSpan.FromSeconds(1),
            };
            property.SetValue(options, value);
            return new DistributedWebSocketsOptionsRules().Validate(null, options).Failures ?? [];
        }
    }

    [Theory]
    [InlineData("100 ms", "0.1")]
    [InlineData("1.5 s", "1.5")]
    [InlineData("1 min", "60")]
    [InlineData("1 h", "3600")]
    [InlineData("0", "0")]
    public void Duration_OnThePage_IsRead(string text, string seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)), Duration(text));

    [Fact]
    public async Task WrongValue_AtStart_SaysWhatThePageSays()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDistributedWebSockets(options => options.LeaseExpiry = TimeSpan.FromSeconds(6));
        using var host = builder.Build();

        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Contains(exception.Message, CodeBlock.In(Repository.Read(Page)).Where(block => block.Language == "text").Select(block => block.Lines[0]));
    }

    [Fact]
    public async Task Json_OfThePage_IsBound()
    {
        var json = string.Join('\n', CodeBlock.In(Repository.Read(Page)).First(block => block.Language == "json").Lines);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json)));
        builder.Services.AddDistributedWebSockets();
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var options = host.Services.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value;

        Assert.Equal("shop", host.Services.GetRequiredService<IOptions<DistributedWebSocketsClusterOptions>>().Value.Prefix);
        Assert.Equal(16_384, options.MaxMessageBytes);
        Assert.Equal(TimeSpan.FromSeconds(10), options.KeepAliveInterval);
        Assert.Equal(SlowConsumerPolicy.DropOldest, options.SlowConsumerPolicy);
        Assert.Equal(["https://app.example.com"], options.AllowedOrigins);
    }

    [Fact]
    public async Task JsonOfHubs_OnThePage_IsBoundToTheHubItNames()
    {
        var json = string.Join('\n', CodeBlock.In(Repository.Read(Page)).Where(block => block.Language == "json").ElementAt(1).Lines);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json)));
        builder.Services.AddDistributedWebSockets().AddHub("ticker");
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var (ticker, other) = (Hub("ticker"), Hub("chat"));

        Assert.Equal((1_024, SlowConsumerPolicy.DropOldest, true), (ticker.MaxMessageBytes, ticker.SlowConsumerPolicy, ticker.EnableCompression));
        Assert.Equal((16_384, SlowConsumerPolicy.Close, false), (other.MaxMessageBytes, other.SlowConsumerPolicy, other.EnableCompression));

        HubOptions Hub(string name) => host.Services.GetRequiredService<IOptionsMonitor<HubOptions>>().Get(name);
    }

    [Fact]
    public void Json_OfThePage_IsBoundToTheOptionsOfRedis()
    {
        var json = string.Join('\n', CodeBlock.In(Repository.Read(Page)).First(block => block.Language == "json").Lines);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json)));
        builder.Services.AddDistributedWebSockets().UseRedis();
        using var host = builder.Build();

        var options = host.Services.GetRequiredService<IOptions<RedisBackplaneOptions>>().Value;

        Assert.Equal("redis.example.com:6379", options.ConnectionString);
        Assert.Equal(TimeSpan.FromSeconds(1), options.OperationTimeout);
    }

    /// <summary>The options that a type does not have from another.</summary>
    internal static PropertyInfo[] Own(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);

    private static IEnumerable<MarkdownTable> Tables() => MarkdownTable.In(Repository.Read(Page)).Where(table => table.Columns.SequenceEqual(s_columns));

    private static MarkdownTable Table(Type type) => Tables().Single(table => MarkdownTable.Plain(table.Heading) == type.Name);

    private static (PropertyInfo Property, IReadOnlyList<string> Row) Find(string type, string option)
    {
        var owner = s_types.Single(candidate => candidate.Name == type);
        return (owner.GetProperty(option)!, Table(owner).Rows.Single(row => MarkdownTable.Plain(row[0]) == option));
    }

    private static string Text(object? value) => value switch
    {
        null => "none",
        string text => text,
        bool flag => flag ? "true" : "false",
        int or long => string.Create(CultureInfo.InvariantCulture, $"{value:N0}"),
        TimeSpan duration => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds:0.###} s"),
        ICollection { Count: 0 } => "empty",
        _ => value.ToString()!,
    };

    private static (TimeSpan Min, TimeSpan Max) Bounds(string range)
    {
        var bounds = range.Split(',')[0].Split(" to ");
        return (Duration(bounds[0]), Duration(bounds[1]));
    }

    private static TimeSpan Duration(string text) => text.Split(' ') switch
    {
        ["0"] => TimeSpan.Zero,
        [var number, "ms"] => TimeSpan.FromMilliseconds(double.Parse(number, CultureInfo.InvariantCulture)),
        [var number, "s"] => TimeSpan.FromSeconds(double.Parse(number, CultureInfo.InvariantCulture)),
        [var number, "min"] => TimeSpan.FromMinutes(double.Parse(number, CultureInfo.InvariantCulture)),
        [var number, "h"] => TimeSpan.FromHours(double.Parse(number, CultureInfo.InvariantCulture)),
        _ => throw new FormatException($"'{text}' is no duration such as 100 ms, 1.5 s, 1 min or 1 h."),
    };
}

using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Docs.Tests;

/// <summary>Holds the public types of all packages against what is promised of each of them.</summary>
public sealed class PublicSurfaceTests
{
    private static readonly Type[] s_types =
        [.. new[] { typeof(IBackplane), typeof(DistributedWebSocketsOptions), typeof(RedisOptions), typeof(NatsOptions), typeof(FakeCluster) }
            .SelectMany(static type => type.Assembly.GetExportedTypes())];

    public static TheoryData<Type> Records => [.. s_types.Where(static type => type.GetMethod("<Clone>$") is not null)];

    [Theory]
    [MemberData(nameof(Records))]
    public void Record_ThatGetsAnotherMember_BreaksNobody(Type record) =>
        Assert.Null(record.GetMethod("Deconstruct")); // which positional records have, and whose form is that of all members

    [Fact]
    public void Setters_ThatArePublic_AreOfWhatAppsFillIn()
    {
        var setters = s_types
            .Where(static type => !type.Name.EndsWith("Options", StringComparison.Ordinal) && !type.Name.EndsWith("Context", StringComparison.Ordinal))
            .SelectMany(static type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(static property => property.SetMethod is { IsPublic: true } setter && !setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)));

        Assert.Equal([typeof(WebSocketConnection).GetProperty(nameof(WebSocketConnection.AuthenticationExpiresAt))], setters);
    }

    [Fact]
    public void Members_ThatArePublic_TakeAndReturnNoTuples()
    {
        var members = s_types.SelectMany(static type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly));

        Assert.All(members, static method => Assert.False(
            IsTuple(method.ReturnType) || method.GetParameters().Any(static parameter => IsTuple(parameter.ParameterType)),
            $"{method.DeclaringType}.{method.Name} has a tuple in its signature, to which nothing can be added."));

        static bool IsTuple(Type type) => type.IsAssignableTo(typeof(ITuple)) || (type.IsGenericType && type.GetGenericArguments().Any(IsTuple));
    }

    [Fact]
    public void Router_OfOthers_ImplementsNothingButTheCore() => Assert.Equal(
        ["SendAsync", "SendAsync", "get_Hub"],
        typeof(IWebSocketRouter).GetMethods().Where(static method => method.IsAbstract).Select(static method => method.Name).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Records))]
    public void Record_WithAnException_NeitherPrintsNorSerializesIt(Type record)
    {
        var exceptions = record.GetProperties().Where(static property => property.PropertyType.IsAssignableTo(typeof(Exception))).ToArray();

        Assert.All(exceptions, static property => Assert.Equal(JsonIgnoreCondition.Always, property.GetCustomAttribute<JsonIgnoreAttribute>()?.Condition));
        Assert.True(
            exceptions.Length == 0 || record.GetMethod(nameof(ToString), [])!.GetCustomAttribute<CompilerGeneratedAttribute>() is null,
            $"{record} prints the exception it holds.");
    }

    [Fact]
    public void Types_ThatAreDisposedAsynchronously_CanAlsoBeDisposedSynchronously()
    {
        var disposables = s_types.Where(static type => type.IsAssignableTo(typeof(IAsyncDisposable)) && !IsSuite(type)).ToArray();

        Assert.Contains(typeof(FakeCluster), disposables);
        Assert.All(disposables, static type => Assert.True(type.IsAssignableTo(typeof(IDisposable)), $"{type} cannot be disposed synchronously."));

        // The test framework makes and disposes a suite.
        static bool IsSuite(Type type) => type.IsAssignableTo(typeof(IAsyncLifetime));
    }

    public static TheoryData<string> Transports => ["redis", "sharded", "redis servers", "nats"];

    [Theory]
    [MemberData(nameof(Transports))]
    public void Provider_OverATransportThatWasNeverReached_CanBeDisposedSynchronously(string transport)
    {
        const string Nowhere = "127.0.0.1:1";
        var services = new ServiceCollection();
        var sockets = services.AddDistributedWebSockets();
        _ = transport switch
        {
            "redis" => sockets.UseRedis(Nowhere),
            "sharded" => sockets.UseRedis(Nowhere).UseRedisBackplane(static options => (options.ConnectionString, options.ShardedPubSub) = (Nowhere, true)),
            "redis servers" => sockets.UseRedis(Nowhere).UseRedisBackplane(["127.0.0.1:1", "127.0.0.1:2"]),
            _ => sockets.UseNats($"nats://{Nowhere}"),
        };
        using var provider = services.BuildServiceProvider();

        Assert.Equal("default", provider.GetRequiredService<IWebSocketRouter>().Hub);
        Assert.NotNull(provider.GetRequiredService<IWebSocketRouterFactory>());
        Assert.NotNull(provider.GetRequiredService<ISessionStore>());
        Assert.NotNull(provider.GetRequiredService<IBackplane>());
    }

    [Fact]
    public void Types_ThatHoldAnException_AreExceptionsOrRecords() => Assert.All(
        s_types.Where(static type => !type.IsAssignableTo(typeof(Exception)) && type.GetMethod("<Clone>$") is null),
        static type => Assert.DoesNotContain(type.GetProperties(), static property => property.PropertyType.IsAssignableTo(typeof(Exception))));
}

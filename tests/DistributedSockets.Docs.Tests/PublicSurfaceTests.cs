using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using DistributedSockets.Testing;

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
    public void Types_ThatHoldAnException_AreExceptionsOrRecords() => Assert.All(
        s_types.Where(static type => !type.IsAssignableTo(typeof(Exception)) && type.GetMethod("<Clone>$") is null),
        static type => Assert.DoesNotContain(type.GetProperties(), static property => property.PropertyType.IsAssignableTo(typeof(Exception))));
}

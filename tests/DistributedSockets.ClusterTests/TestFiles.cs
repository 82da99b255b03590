using System.Reflection;

namespace DistributedSockets.ClusterTests;

/// <summary>Where the build has put what the tests start.</summary>
internal static class TestFiles
{
    public static string TestNode { get; } = Metadata("TestNodePath");

    public static string ClientDirectory { get; } = Metadata("ClientDirectory");

    private static string Metadata(string key) => typeof(TestFiles).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == key).Value!; // written by the project file
}

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>The strategies that are compared, by the names they have in tables.</summary>
internal static class RoutingStrategies
{
    public const string Interest = "interest";
    public const string Broadcast = "broadcast";

    public static IReadOnlyList<string> All { get; } = [Interest, Broadcast];

    public static RoutingStrategy Get(string name) => name switch
    {
        Interest => RoutingStrategy.Interest,
        Broadcast => RoutingStrategy.Broadcast,
        _ => throw new FormatException($"There is no strategy {name}."),
    };
}

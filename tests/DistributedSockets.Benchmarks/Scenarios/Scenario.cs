using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>Something that is measured in the same way at every peer.</summary>
internal abstract class Scenario
{
    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new BroadcastScenario(),
        new UserScenario(),
        new GroupScenario(),
        new MemoryScenario(),
        new InboundScenario(),
        new UninvolvedScenario(),
        new StormScenario(),
        new SlowReaderScenario(),
        new LargeGroupScenario(),
        new CompressionScenario(),
        new LoggedScenario(),
    ];

    /// <summary>Its name on the command line and in files.</summary>
    public abstract string Key { get; }

    public abstract string Title { get; }

    /// <summary>What its table shows.</summary>
    public virtual IReadOnlyList<Column> Columns => Column.Load;

    public virtual bool Supports(Peer peer) => peer.IsDistributed;

    /// <summary>Whether the load client in C can do all that it asks for.</summary>
    public virtual bool SupportsClientInC => false;

    /// <summary>Measures one peer, once.</summary>
    public abstract Task RunAsync(ScenarioTurn turn);
}

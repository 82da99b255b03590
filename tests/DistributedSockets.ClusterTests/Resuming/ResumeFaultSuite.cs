namespace DistributedSockets.ClusterTests;

/// <summary>Sessions whose clients come back to any node, over servers of some kind, of which one is killed.</summary>
public abstract class ResumeFaultSuite : IAsyncLifetime
{
    protected const string Prefix = "faults";

    /// <summary>The hub whose log is meant where one is to be chosen.</summary>
    protected const string Hub = "testnode";

    private FaultNodes? _nodes;

    protected abstract int Seed { get; }

    /// <summary>Whether the log loses entries with the server: all, or those that no other server has.</summary>
    protected virtual bool LosesEntries => false;

    private FaultNodes Nodes => _nodes!; // made before the test

    public async ValueTask InitializeAsync()
    {
        await StartServersAsync();
        _nodes = new([.. Enumerable.Range(0, 3).Select(index => Settings($"node{index}"))]);
        await _nodes.StartNodesAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_nodes is not null)
        {
            await _nodes.DisposeAsync();
        }

        await DisposeServersAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task NodeKilled_ThenTheServerOfTheLog_WhileClientsBlink_NothingIsMissingOfWhichNobodyIsTold()
    {
        var history = await ResumeFaultRun.RunAsync(
            Seed,
            Nodes,
            async load =>
            {
                await load.CollectLossesAsync();
                await Nodes.KillNodeAsync(0);
                await load.UntilFlowingAsync(); // its clients have come back to those that are left
                await Nodes.StartNodeAsync(0);
                await load.UntilFlowingAsync();
                await load.CollectLossesAsync();
                ResumeFaultRun.AssertLogIsWhole(load);
                await KillServerAsync(load);
            },
            blinking: 8,
            mayLose: LosesEntries);

        if (LosesEntries)
        {
            var sessions = history.Snapshot().Receivers.Where(static receiver => receiver.Resumes).ToArray();
            Assert.Contains(sessions, static session => session.IsLost || session.Gaps > 0);
        }
    }

    protected abstract Task StartServersAsync();

    /// <summary>The arguments with which a node is told where the servers are.</summary>
    protected abstract IReadOnlyList<string> NodeArguments();

    /// <summary>Options of the library besides those of all.</summary>
    protected virtual IReadOnlyDictionary<string, string> NodeOptions => new Dictionary<string, string>();

    /// <summary>Kills the server that has the log, and returns when there is one again.</summary>
    private protected abstract Task KillServerAsync(HistoryLoad load);

    protected abstract ValueTask DisposeServersAsync();

    /// <summary>Waits until all nodes say that they miss something.</summary>
    protected Task UntilDegradedAsync() => Nodes.UntilDegradedAsync();

    private NodeSettings Settings(string name) => new()
    {
        Name = name,
        Prefix = Prefix,
        Transport = NodeArguments(),
        Log = true,
        Options = ResumeFaultRun.Options.Concat(NodeOptions).ToDictionary(),
    };
}

namespace DistributedSockets.Testing.Tests;

public sealed class ClusterCodeTests
{
    private static readonly int s_many = Environment.ProcessorCount * 4;

    private readonly ClusterCode _code = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Settle_PoolThatOthersKeepBusy_WaitsForTheClusterAlone()
    {
        using var done = new CancellationTokenSource();
        var others = Enumerable.Range(0, s_many).Select(_ => Task.Run(() => RunOnAsync(done.Token), Cancellation)).ToArray();

        var turns = await _code.SettleAsync();

        Assert.Equal(ClusterCode.CalmTurns, turns);
        await done.CancelAsync();
        await Task.WhenAll(others);
    }

    [Fact]
    public async Task Settle_ClusterThatNeverRests_GoesOnToTheLimit()
    {
        using var done = new CancellationTokenSource();
        var own = Enumerable.Range(0, s_many).Select(_ => _code.RunAsync(() => RunOnAsync(done.Token), Cancellation)).ToArray();

        var turns = await _code.SettleAsync();

        Assert.Equal(ClusterCode.SettlingTurns, turns);
        await done.CancelAsync();
        await Task.WhenAll(own);
        Assert.InRange(await _code.SettleAsync(), ClusterCode.CalmTurns, ClusterCode.SettlingTurns - 1);
    }

    [Fact]
    public async Task Settle_CodeThatHoldsItsThread_CountsAsRunning()
    {
        using var gate = new ManualResetEventSlim();
        var own = _code.RunAsync(gate.Wait, Cancellation);

        var turns = await _code.SettleAsync();

        Assert.Equal(ClusterCode.SettlingTurns, turns);
        gate.Set();
        await own;
    }

    private static async Task RunOnAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Yield();
        }
    }
}

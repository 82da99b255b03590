using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>Who waits for a change of a session's groups, which the lane of this node may pass unseen.</summary>
public sealed class SessionTableTests : IAsyncLifetime
{
    private static readonly Guid s_change = Guid.NewGuid();
    private AppNode _node = null!; // set by InitializeAsync

    private SessionTable Table => _node.Hub.Sessions;

    public async ValueTask InitializeAsync() => _node = await AppNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task LaneThatBeginsBehindTheChange_LetsTheCallerGoOnWithoutAnOutcome()
    {
        var waiting = Table.Expect(s_change, landing: null);
        Table.OnReached(new(7, 100)); // where the change will stand is not known yet
        Table.Note(s_change, new(7, 5), reached: default); // the lane has not begun
        Assert.False(waiting.IsCompleted);

        Table.OnReached(new(7, 4));
        Assert.False(waiting.IsCompleted);

        Table.OnReached(new(7, 6));
        Assert.Null(await waiting.WithinGuardAsync());
        Assert.False(Table.Forget(s_change));
    }

    [Fact]
    public async Task LaneThatIsBehindTheChangeWhenItsPlaceIsKnown_LetsTheCallerGoOnAtOnce()
    {
        var waiting = Table.Expect(s_change, landing: null);

        Table.Note(s_change, new(7, 5), reached: new(7, 5));

        Assert.Null(await waiting.WithinGuardAsync());
    }

    [Fact]
    public async Task LaterLifeOfTheLog_LetsTheCallerGoOn()
    {
        var waiting = Table.Expect(s_change, landing: null);
        Table.Note(s_change, new(7, 5), reached: new(7, 1));

        Table.OnReached(new(8, 0));

        Assert.Null(await waiting.WithinGuardAsync());
    }
}

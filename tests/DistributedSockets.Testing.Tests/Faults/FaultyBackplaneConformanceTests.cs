using DistributedSockets.Testing;

namespace DistributedSockets.Testing.Tests;

/// <summary>Without faults it keeps the contract.</summary>
public sealed class FaultyBackplaneConformanceTests : BackplaneConformanceTests
{
    private readonly InMemory _memory = new();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _memory.DisposeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => new FaultyBackplane(_memory.Create());
}

/// <summary>Cut and restored it keeps it too.</summary>
public sealed class FaultyBackplaneOutageTests : BackplaneOutageConformanceTests
{
    private readonly InMemory _memory = new();
    private readonly List<FaultyBackplane> _backplanes = [];
    private bool _cut;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _memory.DisposeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster)
    {
        var backplane = new FaultyBackplane(_memory.Create());
        if (_cut)
        {
            backplane.Cut();
        }

        _backplanes.Add(backplane);
        return backplane;
    }

    protected override Task CutAsync()
    {
        _cut = true;
        _backplanes.ForEach(static backplane => backplane.Cut());
        return Task.CompletedTask;
    }

    protected override Task RestoreAsync()
    {
        _cut = false;
        _backplanes.ForEach(static backplane => backplane.Restore());
        return Task.CompletedTask;
    }
}

namespace DistributedSockets.Testing.Tests.Backplanes;

/// <summary>The suite over a flawed backplane. Run by <see cref="SuiteRunner"/> alone, so it is internal.</summary>
internal sealed class FlawedBackplaneSuite(BackplaneFlaw flaw) : BackplaneConformanceTests
{
    private readonly FlawedBroker _broker = new(flaw);

    protected override IBackplane CreateBackplane(string cluster) => new FlawedBackplane(_broker, flaw);
}

/// <summary>The suite of outages over a flawed backplane.</summary>
internal sealed class FlawedBackplaneOutageSuite(BackplaneFlaw flaw) : BackplaneOutageConformanceTests
{
    private readonly FlawedBroker _broker = new(flaw);

    protected override IBackplane CreateBackplane(string cluster) => new FlawedBackplane(_broker, flaw);

    protected override Task CutAsync()
    {
        _broker.Cut();
        return Task.CompletedTask;
    }

    protected override Task RestoreAsync()
    {
        _broker.Restore();
        return Task.CompletedTask;
    }
}

namespace DistributedSockets.Testing.Tests.Sessions;

/// <summary>The suite over a flawed session store. Run by <see cref="SuiteRunner"/> alone, so it is internal.</summary>
internal sealed class FlawedSessionStoreSuite(SessionStoreFlaw flaw) : SessionStoreConformanceTests
{
    private readonly FlawedStoreServer _server = new();

    protected override ISessionStore CreateStore(string cluster) => new FlawedSessionStore(_server, cluster, flaw);

    protected override Task ExpireLeaseAsync(ISessionStore store, string nodeId)
    {
        _server.Time.Advance(ShortLease);
        return Task.CompletedTask;
    }
}

/// <summary>The suite of outages over a flawed session store.</summary>
internal sealed class FlawedSessionStoreOutageSuite(SessionStoreFlaw flaw, bool keepsData) : SessionStoreOutageConformanceTests
{
    private readonly FlawedStoreServer _server = new(keepsData);

    protected override ISessionStore CreateStore(string cluster) => new FlawedSessionStore(_server, cluster, flaw);

    protected override Task CutAsync()
    {
        _server.Cut();
        return Task.CompletedTask;
    }

    protected override Task RestoreAsync()
    {
        _server.Restore();
        return Task.CompletedTask;
    }
}

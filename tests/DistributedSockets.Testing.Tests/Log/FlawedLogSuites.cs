namespace DistributedSockets.Testing.Tests.Log;

/// <summary>The suite over a flawed log. Run by <see cref="SuiteRunner"/> alone, so it is internal.</summary>
internal sealed class FlawedLogSuite(LogFlaw flaw) : MessageLogConformanceTests
{
    private readonly FlawedLogServer _server = new(flaw);

    protected override DateTimeOffset Now => _server.Time.GetUtcNow();

    protected override IMessageLog CreateLog(string cluster) => new FlawedMessageLog(_server, cluster, flaw);

    protected override Task PassAsync(TimeSpan time)
    {
        _server.Time.Advance(time);
        return Task.CompletedTask;
    }
}

/// <summary>The suite of outages over a flawed log.</summary>
internal sealed class FlawedLogOutageSuite(LogFlaw flaw) : MessageLogOutageConformanceTests
{
    private readonly FlawedLogServer _server = new(flaw);

    protected override IMessageLog CreateLog(string cluster) => new FlawedMessageLog(_server, cluster, flaw);

    protected override IMessageLog CreateDirectLog(string cluster) => new FlawedMessageLog(_server, cluster, flaw, isDirect: true);

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

    protected override Task RestartServerAsync(bool keepsData)
    {
        _server.Restart(keepsData);
        return Task.CompletedTask;
    }
}

/// <summary>The suite of session records over a flawed log.</summary>
internal sealed class FlawedRecordSuite(LogFlaw flaw) : SessionRecordStoreConformanceTests
{
    private readonly FlawedLogServer _server = new(flaw);

    protected override IMessageLog CreateLog(string cluster) => new FlawedMessageLog(_server, cluster, flaw);

    protected override Task PassAsync(TimeSpan time)
    {
        _server.Time.Advance(time);
        return Task.CompletedTask;
    }
}

/// <summary>The suite of session records and outages over a flawed log.</summary>
internal sealed class FlawedRecordOutageSuite(LogFlaw flaw) : SessionRecordStoreOutageConformanceTests
{
    private readonly FlawedLogServer _server = new(flaw);

    protected override IMessageLog CreateLog(string cluster) => new FlawedMessageLog(_server, cluster, flaw);

    protected override IMessageLog CreateDirectLog(string cluster) => new FlawedMessageLog(_server, cluster, flaw, isDirect: true);

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

    protected override Task RestartServerAsync(bool keepsData)
    {
        _server.Restart(keepsData);
        return Task.CompletedTask;
    }
}

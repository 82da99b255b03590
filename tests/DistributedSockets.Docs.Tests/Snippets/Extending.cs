using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Docs.Tests.Snippets.Extending;

internal static class ExtendingProgram
{
    public static void UseType(WebApplicationBuilder builder)
    {
        // snippet: extending-use-type
        builder.Services.AddDistributedWebSockets().UseBackplane<SilentBackplane>();
        // end-snippet
    }
}

// snippet: extending-silent
/// <summary>Reaches nobody: the least that compiles.</summary>
public sealed class SilentBackplane : IBackplane
{
    public string System => "silent";

    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default) => new(PublishResult.Counted(0));

    public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
// end-snippet

// snippet: extending-store-suite
public sealed class SessionStoreTests : SessionStoreConformanceTests
{
    private readonly InMemoryCluster _memory = new();       // yours: a server, or whatever the stores of a cluster share

    protected override ISessionStore CreateStore(string cluster)
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets()
            .ConfigureCluster(options => options.Prefix = cluster)
            .UseInMemory(_memory);                          // yours: UseSessionStore<T>()
        return services.BuildServiceProvider().GetRequiredService<ISessionStore>();
    }
}
// end-snippet

// snippet: extending-log-suite
public sealed class MessageLogTests : MessageLogConformanceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryCluster _memory;               // yours: a server, or whatever the logs of a cluster share

    public MessageLogTests() => _memory = new(_time);

    protected override DateTimeOffset Now => _time.GetUtcNow();     // with a fake clock only; else it is the system's

    protected override IMessageLog CreateLog(string cluster)
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets()
            .ConfigureCluster(options => options.Prefix = cluster)
            .UseInMemory(_memory);                          // yours: UseMessageLog<T>()
        return services.BuildServiceProvider().GetRequiredService<IMessageLog>();
    }

    protected override Task PassAsync(TimeSpan time)                // with a fake clock only; else the suite waits
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }
}
// end-snippet

// snippet: extending-presence-suite
public sealed class PresenceStoreTests : PresenceStoreConformanceTests
{
    private readonly InMemoryCluster _memory = new();

    protected override ISessionStore CreateStore(string cluster)
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().ConfigureCluster(options => options.Prefix = cluster).UseInMemory(_memory);
        return services.BuildServiceProvider().GetRequiredService<ISessionStore>();
    }
}
// end-snippet

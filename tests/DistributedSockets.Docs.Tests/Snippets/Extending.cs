using DistributedSockets.Testing;

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

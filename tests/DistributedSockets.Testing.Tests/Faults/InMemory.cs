using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Makes in-memory backplanes that hear each other.</summary>
internal sealed class InMemory : IAsyncDisposable
{
    private readonly InMemoryCluster _cluster = new();
    private readonly List<ServiceProvider> _providers = [];

    internal IBackplane Create()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().UseInMemory(_cluster);
        var provider = services.BuildServiceProvider();
        _providers.Add(provider);
        return provider.GetRequiredService<IBackplane>();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var provider in _providers)
        {
            await provider.DisposeAsync();
        }
    }
}

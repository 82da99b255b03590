using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Makes in-memory backplanes that hear each other, and keeps none of them.</summary>
internal sealed class InMemory : IAsyncDisposable
{
    private readonly Type _type;
    private readonly ServiceProvider _provider;

    internal InMemory()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().UseInMemory(new());
        _type = services.Last(static service => service.ServiceType == typeof(IBackplane)).ImplementationType!; // registered by type
        _provider = services.BuildServiceProvider();
    }

    internal IBackplane Create() => (IBackplane)ActivatorUtilities.CreateInstance(_provider, _type);

    public ValueTask DisposeAsync() => _provider.DisposeAsync();
}

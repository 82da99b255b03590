using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

internal sealed class DistributedWebSocketsBuilder(IServiceCollection services) : IDistributedWebSocketsBuilder
{
    public IServiceCollection Services => services;
}

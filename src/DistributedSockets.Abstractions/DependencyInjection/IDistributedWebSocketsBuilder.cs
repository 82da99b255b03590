using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>Configures distributed WebSockets further; backplanes, message logs and session stores extend it.</summary>
public interface IDistributedWebSocketsBuilder
{
    /// <summary>The app's services.</summary>
    IServiceCollection Services { get; }
}

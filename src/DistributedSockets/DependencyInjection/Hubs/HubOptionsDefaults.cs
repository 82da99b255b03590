using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Begins the options of each hub with what the process has for all hubs. Comes before the hub's section and callbacks.</summary>
internal sealed class HubOptionsDefaults(IOptions<DistributedWebSocketsOptions> process) : IConfigureNamedOptions<HubOptions>
{
    public void Configure(HubOptions options) => Configure(Options.DefaultName, options);

    public void Configure(string? name, HubOptions options) => options.InheritFrom<HubOptions>(process.Value);
}

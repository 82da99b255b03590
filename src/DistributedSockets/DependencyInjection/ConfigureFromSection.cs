using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Binds the options to the section <c>DistributedWebSockets</c> of the app's configuration, where there is one.</summary>
internal sealed class ConfigureFromSection(IConfiguration? configuration)
    : IConfigureOptions<DistributedWebSocketsOptions>, IConfigureOptions<DistributedWebSocketsClusterOptions>
{
    private const string SectionName = "DistributedWebSockets";

    public void Configure(DistributedWebSocketsOptions options) => configuration?.GetSection(SectionName).Bind(options);

    public void Configure(DistributedWebSocketsClusterOptions options) => configuration?.GetSection(SectionName).Bind(options);
}

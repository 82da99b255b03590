using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Sets options as their section says, where the app has a configuration.</summary>
internal sealed class ConfigureFromSection<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>(
    OptionsSection<TOptions> section, IConfiguration? configuration) : IConfigureNamedOptions<TOptions>
    where TOptions : class
{
    public void Configure(TOptions options) => Configure(Options.DefaultName, options);

    public void Configure(string? name, TOptions options)
    {
        if (configuration is not null)
        {
            section.Configure(configuration, name ?? Options.DefaultName, options);
        }
    }
}

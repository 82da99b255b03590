using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Reads the options from the section <c>DistributedWebSockets:Redis</c> of the app's configuration, where there is one.</summary>
/// <remarks>By hand: a binder would look into the classes of the client library.</remarks>
internal sealed class ConfigureRedisFromSection<TOptions>(IConfiguration? configuration) : IConfigureOptions<TOptions>
    where TOptions : class, IRedisConnectionOptions
{
    private const string SectionName = "DistributedWebSockets:Redis";

    public void Configure(TOptions options)
    {
        if (configuration?.GetSection(SectionName) is not { } section)
        {
            return;
        }

        var source = new RedisOptions
        {
            ConnectionString = section[nameof(RedisOptions.ConnectionString)],
            OperationTimeout = Duration(section, nameof(RedisOptions.OperationTimeout)) ?? options.OperationTimeout,
        };
        foreach (var server in section.GetSection(nameof(RedisOptions.Servers)).GetChildren())
        {
            // A server is a connection string, or has members.
            source.Servers.Add(new()
            {
                Name = server[nameof(RedisServerOptions.Name)],
                ConnectionString = server.Value ?? server[nameof(RedisServerOptions.ConnectionString)],
            });
        }

        if (source is { ConnectionString: null, Servers.Count: 0 })
        {
            options.OperationTimeout = source.OperationTimeout; // the connection is told elsewhere, perhaps already
        }
        else
        {
            options.Servers.Clear();
            options.Take(source);
        }
    }

    private static TimeSpan? Duration(IConfigurationSection section, string key) => section[key] switch
    {
        null => null,
        var text when TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var duration) => duration,
        var text => throw new InvalidOperationException($"{section.Path}:{key} is '{text}'. Write it as hh:mm:ss, such as 00:00:01.5."),
    };
}

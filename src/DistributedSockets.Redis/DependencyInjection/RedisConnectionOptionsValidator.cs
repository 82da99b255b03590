using System.Net;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Checks what the Redis options have in common. Never repeats a connection string, which may hold a password.</summary>
internal sealed class RedisConnectionOptionsValidator<TOptions> : IValidateOptions<TOptions>
    where TOptions : class, IRedisConnectionOptions
{
    private static readonly TimeSpan MinTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromSeconds(60);

    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        var type = typeof(TOptions).Name;
        if (options.Servers.Count == 0)
        {
            CheckConnection(errors, type, options.ConnectionString, options.Configuration, options.ConnectionMultiplexer);
        }
        else if (options is { ConnectionString: null, Configuration: null, ConnectionMultiplexer: null })
        {
            CheckServers(errors, $"{type}.Servers", options.Servers);
        }
        else
        {
            errors.AddError($"{type} has Servers and another connection. Put the other connection among Servers, or leave it out.");
        }

        if (options.OperationTimeout < MinTimeout || options.OperationTimeout > MaxTimeout)
        {
            errors.AddError($"{type}.OperationTimeout is {options.OperationTimeout}. Set it to between {MinTimeout} and {MaxTimeout}.");
        }

        if (options is RedisBackplaneOptions { ShardedPubSub: true })
        {
            CheckSharded(errors, type, options);
        }

        return errors.Build();
    }

    private static void CheckSharded(ValidateOptionsResultBuilder errors, string type, TOptions options)
    {
        if (options.ConnectionMultiplexer is not null)
        {
            errors.AddError(
                $"{type}.ShardedPubSub needs a connection to each primary, so it cannot use ConnectionMultiplexer. Set ConnectionString or Configuration instead.");
        }

        if (options.Servers.Count > 0)
        {
            errors.AddError($"{type}.ShardedPubSub is for one Redis Cluster, so it cannot use Servers. Leave out ShardedPubSub, or Servers.");
        }

        if (IsSentinel(options))
        {
            errors.AddError($"{type}.ShardedPubSub needs a Redis Cluster, which has no sentinels. Leave out the service name, or ShardedPubSub.");
        }
    }

    private static bool IsSentinel(TOptions options)
    {
        try
        {
            return !string.IsNullOrEmpty((options.Configuration ?? ConfigurationOptions.Parse(options.ConnectionString ?? "")).ServiceName);
        }
        catch (Exception)
        {
            return false; // said already
        }
    }

    private static void CheckServers(ValidateOptionsResultBuilder errors, string type, IList<RedisServerOptions> servers)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < servers.Count; i++)
        {
            var place = $"{type}[{i}]";
            if (servers[i] is not { } server)
            {
                errors.AddError($"{place} is null. Give it a connection, or leave it out.");
            }
            else if (server.Name is { } given && !RedisServerName.IsUsable(given))
            {
                errors.AddError($"{place}.Name is no name. Use 1 to {RedisServerName.MaxLength} printable ASCII characters other than space and =.");
            }
            else if (CheckConnection(errors, place, server.ConnectionString, server.Configuration, server.ConnectionMultiplexer)
                && RedisServerName.TryGet(server, out var name)
                && !names.Add(name))
            {
                errors.AddError($"{place} is called '{name}', as another server is. Leave one of them out, or set their Names.");
            }
        }
    }

    /// <returns>Whether the connection can be used, so that what it says may be repeated.</returns>
    private static bool CheckConnection(
        ValidateOptionsResultBuilder errors, string type, string? connectionString, ConfigurationOptions? configuration, IConnectionMultiplexer? multiplexer)
    {
        var given = (connectionString is null ? 0 : 1) + (configuration is null ? 0 : 1) + (multiplexer is null ? 0 : 1);
        if (given != 1)
        {
            errors.AddError(given == 0
                ? $"{type} has no connection. Set one of ConnectionString, Configuration and ConnectionMultiplexer, such as UseRedis(\"redis.example.com:6379\")."
                : $"{type} has {given} connections. Set only one of ConnectionString, Configuration and ConnectionMultiplexer.");
        }

        var isUsable = given == 1 && (connectionString is null || CheckConnectionString(errors, type, connectionString));
        if (configuration is { EndPoints.Count: 0 })
        {
            errors.AddError($"{type}.Configuration has no endpoint. Add the address of a Redis server to its EndPoints.");
            isUsable = false;
        }

        return isUsable;
    }

    private static bool CheckConnectionString(ValidateOptionsResultBuilder errors, string type, string connectionString)
    {
        var isUsable = true;
        if (IsPasswordCut(connectionString))
        {
            isUsable = false;
            errors.AddError(
                $"{type}.ConnectionString has something without a name behind the password, which would be taken for an address and stand in logs. " +
                "A password with a comma goes into Configuration; addresses come first.");
        }

        try
        {
            var endPoints = ConfigurationOptions.Parse(connectionString).EndPoints;
            if (endPoints.Count == 0)
            {
                isUsable = false;
                errors.AddError($"{type}.ConnectionString names no server. Begin it with host:port, such as redis.example.com:6379.");
            }

            if (endPoints.OfType<DnsEndPoint>().Any(static endPoint => Uri.CheckHostName(endPoint.Host) == UriHostNameType.Unknown))
            {
                isUsable = false;
                errors.AddError(
                    $"{type}.ConnectionString names a server that is no host name. Write host:port, such as redis.example.com:6379, several separated by commas.");
            }
        }
        catch (Exception)
        {
            // Whatever it is, among which a UriFormatException: what it says may repeat the string, so it is not passed on.
            isUsable = false;
            errors.AddError(
                $"{type}.ConnectionString cannot be read as a StackExchange.Redis configuration string. " +
                "Write host:port, then options as name=value, separated by commas.");
        }

        return isUsable;
    }

    /// <summary>Whether a comma may have cut the password in two.</summary>
    private static bool IsPasswordCut(string connectionString)
    {
        var isBehindPassword = false;
        foreach (var range in connectionString.AsSpan().Split(','))
        {
            var part = connectionString.AsSpan()[range].Trim();
            if (isBehindPassword && !part.IsEmpty && !part.Contains('='))
            {
                return true;
            }

            var equals = part.IndexOf('=');
            isBehindPassword = equals > 0 && part[..equals].Trim().Equals("password", StringComparison.OrdinalIgnoreCase);
        }

        return false;
    }
}

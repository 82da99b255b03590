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
        var commands = RedisConnectionString.CommandsFor(options);
        if (options.Servers.Count == 0)
        {
            CheckConnection(errors, type, options.ConnectionString, options.Configuration, options.ConnectionMultiplexer, commands);
        }
        else if (options is { ConnectionString: null, Configuration: null, ConnectionMultiplexer: null })
        {
            CheckServers(errors, $"{type}.Servers", options.Servers, commands);
        }
        else
        {
            errors.AddError($"{type} has Servers and another connection. Put the other connection among Servers, or leave it out.");
        }

        if (options.OperationTimeout < MinTimeout || options.OperationTimeout > MaxTimeout)
        {
            errors.AddError($"{type}.OperationTimeout is {options.OperationTimeout}. Set it to between {MinTimeout} and {MaxTimeout}.");
        }

        if (options is RedisBackplaneOptions { MaxPendingBytes: < RedisBackplaneOptions.MinMaxPendingBytes and var pending })
        {
            errors.AddError($"{type}.MaxPendingBytes is {pending}. Set it to between {RedisBackplaneOptions.MinMaxPendingBytes} and {int.MaxValue}.");
        }

        if (options is RedisMessageLogOptions { MaxPendingBytes: < RedisMessageLogOptions.MinMaxPendingBytes and var waiting })
        {
            errors.AddError($"{type}.MaxPendingBytes is {waiting}. Set it to between {RedisMessageLogOptions.MinMaxPendingBytes} and {int.MaxValue}.");
        }

        if (options is RedisMessageLogOptions { ReplicasToWaitFor: var replicas and (< 0 or > RedisMessageLogOptions.MaxReplicas) })
        {
            errors.AddError($"{type}.ReplicasToWaitFor is {replicas}. Set it to between 0 and {RedisMessageLogOptions.MaxReplicas}.");
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

    private static void CheckServers(
        ValidateOptionsResultBuilder errors, string type, IList<RedisServerOptions> servers, IReadOnlyList<string> commands)
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
            else if (CheckConnection(errors, place, server.ConnectionString, server.Configuration, server.ConnectionMultiplexer, commands)
                && RedisServerName.TryGet(server, out var name)
                && !names.Add(name))
            {
                errors.AddError($"{place} is called '{name}', as another server is. Leave one of them out, or set their Names.");
            }
        }
    }

    /// <returns>Whether the connection can be used, so that what it says may be repeated.</returns>
    private static bool CheckConnection(
        ValidateOptionsResultBuilder errors,
        string type,
        string? connectionString,
        ConfigurationOptions? configuration,
        IConnectionMultiplexer? multiplexer,
        IReadOnlyList<string> commands)
    {
        var given = (connectionString is null ? 0 : 1) + (configuration is null ? 0 : 1) + (multiplexer is null ? 0 : 1);
        if (given != 1)
        {
            errors.AddError(given == 0
                ? $"{type} has no connection. Set one of ConnectionString, Configuration and ConnectionMultiplexer, such as UseRedis(\"redis.example.com:6379\")."
                : $"{type} has {given} connections. Set only one of ConnectionString, Configuration and ConnectionMultiplexer.");
        }

        if (given != 1)
        {
            return false;
        }

        string[] problems = connectionString is not null ? [.. RedisConnectionString.Problems(connectionString, commands).Select(static problem => $"ConnectionString {problem}")]
            : configuration is not null ? [.. RedisConnectionString.Problems(configuration, commands).Select(static problem => $"Configuration {problem}")]
            : [];
        foreach (var problem in problems)
        {
            errors.AddError($"{type}.{problem}");
        }

        return problems.Length == 0;
    }
}

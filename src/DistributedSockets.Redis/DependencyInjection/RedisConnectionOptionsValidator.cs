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
        var given = (options.ConnectionString is null ? 0 : 1) + (options.Configuration is null ? 0 : 1) + (options.ConnectionMultiplexer is null ? 0 : 1);
        if (given != 1)
        {
            errors.AddError(given == 0
                ? $"{type} has no connection. Set one of ConnectionString, Configuration and ConnectionMultiplexer, such as UseRedis(\"redis.example.com:6379\")."
                : $"{type} has {given} connections. Set only one of ConnectionString, Configuration and ConnectionMultiplexer.");
        }

        if (options.ConnectionString is { } connectionString)
        {
            CheckConnectionString(errors, type, connectionString);
        }

        if (options.Configuration is { EndPoints.Count: 0 })
        {
            errors.AddError($"{type}.Configuration has no endpoint. Add the address of a Redis server to its EndPoints.");
        }

        if (options.OperationTimeout < MinTimeout || options.OperationTimeout > MaxTimeout)
        {
            errors.AddError($"{type}.OperationTimeout is {options.OperationTimeout}. Set it to between {MinTimeout} and {MaxTimeout}.");
        }

        return errors.Build();
    }

    private static void CheckConnectionString(ValidateOptionsResultBuilder errors, string type, string connectionString)
    {
        if (IsPasswordCut(connectionString))
        {
            errors.AddError(
                $"{type}.ConnectionString has something without a name behind the password, which would be taken for an address and stand in logs. " +
                "A password with a comma goes into Configuration; addresses come first.");
        }

        try
        {
            var endPoints = ConfigurationOptions.Parse(connectionString).EndPoints;
            if (endPoints.Count == 0)
            {
                errors.AddError($"{type}.ConnectionString names no server. Begin it with host:port, such as redis.example.com:6379.");
            }

            if (endPoints.OfType<DnsEndPoint>().Any(static endPoint => Uri.CheckHostName(endPoint.Host) == UriHostNameType.Unknown))
            {
                errors.AddError(
                    $"{type}.ConnectionString names a server that is no host name. Write host:port, such as redis.example.com:6379, several separated by commas.");
            }
        }
        catch (Exception)
        {
            // Whatever it is, among which a UriFormatException: what it says may repeat the string, so it is not passed on.
            errors.AddError(
                $"{type}.ConnectionString cannot be read as a StackExchange.Redis configuration string. " +
                "Write host:port, then options as name=value, separated by commas.");
        }
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

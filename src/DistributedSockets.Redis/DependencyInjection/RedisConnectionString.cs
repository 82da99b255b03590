using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Finds what in a connection cannot work, or would be passed over without a word. Never repeats a value, which may be a secret.</summary>
internal static class RedisConnectionString
{
    private const int MinConnectTimeout = 100;
    private const string Example = "Write host:port, such as redis.example.com:6379, several separated by commas, then options as name=value.";

    // What follows them may be the rest of a secret that held a comma.
    private static readonly HashSet<string> Secrets = new(["password", "sentinelPassword"], StringComparer.OrdinalIgnoreCase);

    // Whoever writes one of them alone has forgotten its value, or typed a comma for an equals sign, so that a secret may follow. A host of that
    // name can be written with its port.
    private static readonly HashSet<string> Options = new(
        [
            "abortConnect", "allowAdmin", "asyncTimeout", "channelPrefix", "checkCertificateRevocation", "configChannel", "configCheckSeconds", "connectRetry",
            "connectTimeout", "defaultDatabase", "highIntegrity", "highPriorityThreads", "keepAlive", "name", "password", "preserveAsyncOrder", "protocol", "proxy",
            "resolveDns", "responseTimeout", "sentinelPassword", "sentinelUser", "serviceName", "setlib", "ssl", "sslHost", "sslProtocols", "syncTimeout",
            "tcpKeepAlive", "tiebreaker", "tunnel", "user", "version", "writeBuffer",
        ],
        StringComparer.OrdinalIgnoreCase);

    private static readonly string[] PubSub = ["PING", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"];
    private static readonly string[] ShardedPubSub = ["CLUSTER", "PING", "SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE"];
    private static readonly string[] Store =
        ["DEL", "EVAL", "EVALSHA", "EXISTS", "HDEL", "HGET", "HGETALL", "HLEN", "HMGET", "HRANDFIELD", "HSCAN", "HSET", "HSETNX", "PING", "SET", "SMEMBERS", "ZCARD", "ZRANGEBYLEX"];

    private static readonly string[] MessageLog = ["EVAL", "EVALSHA", "PING", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"];

    /// <summary>The commands that may not be taken away.</summary>
    internal static IReadOnlyList<string> CommandsFor(IRedisConnectionOptions options) => options switch
    {
        RedisBackplaneOptions { ShardedPubSub: true } => ShardedPubSub,
        RedisBackplaneOptions => PubSub,
        RedisMessageLogOptions { ReplicasToWaitFor: > 0 } => [.. MessageLog, "WAIT"],
        RedisMessageLogOptions => MessageLog,
        _ => Store,
    };

    /// <summary>What is wrong with a connection string, each as the rest of a sentence that begins with its name.</summary>
    internal static IEnumerable<string> Problems(string connectionString, IReadOnlyList<string> commands)
    {
        var problems = Parts(connectionString).ToList();
        if (problems.Count > 0)
        {
            return problems;
        }

        try
        {
            return Problems(string.IsNullOrWhiteSpace(connectionString) ? new() : ConfigurationOptions.Parse(connectionString), commands);
        }
        catch (Exception)
        {
            // Whatever it is, among which a UriFormatException: what it says may repeat the string, so it is not passed on.
            return [$"cannot be read as a StackExchange.Redis configuration string. {Example}"];
        }
    }

    /// <inheritdoc cref="Problems(string, IReadOnlyList{string})"/>
    internal static IEnumerable<string> Problems(ConfigurationOptions configuration, IReadOnlyList<string> commands)
    {
        if (configuration.EndPoints.Count == 0)
        {
            yield return "names no server. Begin it with host:port, such as redis.example.com:6379.";
        }

        if (configuration.EndPoints.OfType<DnsEndPoint>().Any(static endPoint => Uri.CheckHostName(endPoint.Host) == UriHostNameType.Unknown))
        {
            yield return $"names a server that is no host name. {Example}";
        }

        if (configuration.Proxy != Proxy.None)
        {
            yield return $"has the proxy {configuration.Proxy}, which carries neither pub/sub nor all of the session store. Connect to Redis itself.";
        }

        if (configuration.ConnectTimeout < MinConnectTimeout)
        {
            yield return $"has a connectTimeout of {configuration.ConnectTimeout} ms. Set it to at least {MinConnectTimeout}.";
        }

        if (configuration.DefaultDatabase < 0)
        {
            yield return $"has the defaultDatabase {configuration.DefaultDatabase}. Set it to 0 or more, the same on all nodes.";
        }

        var missing = Disabled(configuration.CommandMap).Intersect(commands, StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal).ToArray();
        if (missing.Length > 0)
        {
            yield return $"switches off {string.Join(", ", missing)}, without which this cannot work. Leave out ${missing[0]}=, or use another server.";
        }
    }

    /// <summary>The client skips what it cannot read as an address, so that is found here.</summary>
    private static IEnumerable<string> Parts(string connectionString)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var isBehindSecret = false;
        foreach (var part in connectionString.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.Contains("://", StringComparison.Ordinal) && part.IndexOf('=') is var sign && (sign < 0 || part.IndexOf("://", StringComparison.Ordinal) < sign))
            {
                yield return "is a URI, which StackExchange.Redis does not read. Write host:port,user=…,password=…,defaultDatabase=… instead, with ssl=true for rediss.";
                yield break; // the rest may be parts of its password
            }

            if (part.IndexOf('=') is var equals and > 0)
            {
                var name = part[..equals].Trim();
                isBehindSecret |= Secrets.Contains(name);
                if (!names.Add(name))
                {
                    yield return "has an option twice. Leave one of them out.";
                }

                if (name is ['$', .. var command] && !IsCommand(command))
                {
                    yield return "maps a command that Redis does not have. Write $COMMAND=name, or $COMMAND= to switch it off.";
                }
            }
            else if (Options.Contains(part))
            {
                yield return "has an option without a value. Write it as name=value.";
                yield break;
            }
            else if (isBehindSecret)
            {
                yield return "has something without a name behind the password, which would be taken for an address and stand in logs. " +
                    "A password with a comma goes into Configuration; addresses come first.";
                yield break;
            }
            else if (AddressProblem(part) is { } problem)
            {
                yield return problem;
            }
        }
    }

    private static string? AddressProblem(string address)
    {
        if (address[0] == '/')
        {
            return "has a path where an address belongs. Write a Unix socket as !/path/of/the.socket.";
        }

        if (address[0] != '!' && address.AsSpan().Count(':') > 1 && !IsBracketed(address))
        {
            return "has an IPv6 address that cannot be told from its port. Write it in brackets, such as [::1]:6379.";
        }

        try
        {
            return address.All(char.IsAsciiDigit) || EndPointCollection.TryParse(address) is null ? $"has an address that cannot be read. {Example}" : null;
        }
        catch (Exception)
        {
            return $"has an address that cannot be used, such as a port above 65535. {Example}";
        }
    }

    private static bool IsBracketed(string address) =>
        address[0] == '[' && address.IndexOf(']') is var end and > 0 && (end == address.Length - 1 || address[end + 1] == ':');

    private static bool IsCommand(string name) => name.Length > 0 && name.All(static c => char.IsAsciiLetter(c) || c == '_')
        && !ReferenceEquals(ConfigurationOptions.Parse($"host,${name}=x").CommandMap, CommandMap.Default);

    /// <summary>The commands that a map has switched off. It tells of its changes only as text: <c>$NAME=</c>, separated by commas.</summary>
    private static IEnumerable<string> Disabled(CommandMap commands) => commands.ToString()
        .Split(',', StringSplitOptions.RemoveEmptyEntries)
        .Where(static change => change.EndsWith('='))
        .Select(static change => change[1..^1]);
}

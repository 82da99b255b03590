using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What one of several servers is called: the same on every node, whatever its place in the list.</summary>
internal static class RedisServerName
{
    internal const int MaxLength = 255;

    private const int Port = 6379;
    private const int TlsPort = 6380;
    private const int SentinelPort = 26379;
    private const string Loopback = "127.0.0.1";

    /// <summary>The name given, or else the addresses.</summary>
    /// <exception cref="Exception">There is no name, and nothing from which one can be read.</exception>
    public static string Of(RedisServerOptions server) => server switch
    {
        { Name: { } name } => name,
        { ConnectionString: { } connectionString } => Of(ConfigurationOptions.Parse(connectionString)),
        { Configuration: { } configuration } => Of(configuration),
        { ConnectionMultiplexer: { } multiplexer } => Of(multiplexer.GetEndPoints(configuredOnly: true), Port),
        _ => throw new ArgumentException("The server has neither a name nor a connection.", nameof(server)),
    };

    /// <inheritdoc cref="Of(RedisServerOptions)"/>
    public static bool TryGet(RedisServerOptions server, [NotNullWhen(true)] out string? name)
    {
        try
        {
            name = Of(server);
            return name.Length > 0;
        }
        catch (Exception)
        {
            name = null; // the options are refused for what is wrong with them
            return false;
        }
    }

    /// <summary>Takes the connection of that server whose name comes first, for what lives on one of several.</summary>
    public static void TakeFirst(IEnumerable<RedisServerOptions> servers, IRedisConnectionOptions target)
    {
        if (servers.OrderBy(static server => TryGet(server, out var name) ? name : null, StringComparer.Ordinal).FirstOrDefault() is { } first)
        {
            target.ConnectionString ??= first.ConnectionString;
            target.Configuration ??= first.Configuration;
            target.ConnectionMultiplexer ??= first.ConnectionMultiplexer;
        }
    }

    /// <summary>Whether a name that was given can be hashed alike by every program, and is no connection string by mistake: names are logged.</summary>
    public static bool IsUsable(string name) => name.Length is > 0 and <= MaxLength && name.All(static c => c is > ' ' and <= '~' and not '=');

    private static string Of(ConfigurationOptions configuration) => string.IsNullOrEmpty(configuration.ServiceName)
        ? Of(configuration.EndPoints, configuration.Ssl ? TlsPort : Port)
        : $"{Of(configuration.EndPoints, SentinelPort)}/{configuration.ServiceName}";

    private static string Of(IEnumerable<EndPoint> endPoints, int defaultPort) =>
        string.Join(',', endPoints.Select(endPoint => Of(endPoint, defaultPort)).Order(StringComparer.Ordinal));

    /// <summary>An address as it is called whatever its spelling.</summary>
    public static string Of(EndPoint endPoint, int defaultPort = Port) => endPoint switch
    {
        DnsEndPoint dns => $"{Of(dns.Host)}:{(dns.Port == 0 ? defaultPort : dns.Port)}",
        IPEndPoint ip => $"{Of(ip.Address)}:{(ip.Port == 0 ? defaultPort : ip.Port)}",
        _ => endPoint.ToString() ?? "",
    };

    private static string Of(string host)
    {
        try
        {
            return new IdnMapping().GetAscii(host.TrimEnd('.')).ToLowerInvariant() is var name && name == "localhost" ? Loopback : name;
        }
        catch (ArgumentException)
        {
            return host.ToLowerInvariant(); // nothing that has another spelling
        }
    }

    /// <remarks>The machine itself has one name.</remarks>
    private static string Of(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return plain.Equals(IPAddress.IPv6Loopback) ? Loopback
            : plain.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{plain}]"
            : plain.ToString();
    }
}

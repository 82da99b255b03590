using System.IO.Hashing;
using System.Text;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What nodes on one Redis must have in common to hear each other.</summary>
/// <remarks>A single server's address is no part of it: one server may have many.</remarks>
internal static class RedisReach
{
    private const int MaxShownPrefix = 64;

    public static string Of(RedisBackplaneOptions options)
    {
        if (options.Servers.Count > 1)
        {
            // As the shares are told apart by name, so each with what is put before its channels.
            var servers = options.Servers.Select(static server =>
                $"{RedisServerName.Of(server)}\0{ChannelPrefix(server.ConnectionString, server.Configuration, server.ConnectionMultiplexer)}\0");
            return $"{options.Servers.Count} servers {Hash(string.Concat(servers.Order(StringComparer.Ordinal)))}";
        }

        var prefix = options.Servers is [var only]
            ? ChannelPrefix(only.ConnectionString, only.Configuration, only.ConnectionMultiplexer)
            : ChannelPrefix(options.ConnectionString, options.Configuration, options.ConnectionMultiplexer);
        var mode = options.ShardedPubSub ? "sharded" : "plain";
        return prefix.Length == 0 ? mode
            : prefix.Length <= MaxShownPrefix && prefix.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or ':' or '-' or '/') ? $"{mode} channelPrefix={prefix}"
            : $"{mode} channelPrefix of hash {Hash(prefix)}";
    }

    /// <summary>What the multiplexer puts before each channel.</summary>
    internal static string ChannelPrefix(string? connectionString, ConfigurationOptions? configuration, IConnectionMultiplexer? multiplexer)
    {
        configuration ??= (connectionString ?? multiplexer?.Configuration) is { Length: > 0 } text ? ConfigurationOptions.Parse(text, ignoreUnknown: true) : null;
        return (string?)configuration?.ChannelPrefix ?? "";
    }

    private static string Hash(string text) => $"{XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(text)):x8}";
}

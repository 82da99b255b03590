using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests;

/// <summary>A server with a protocol, for theories.</summary>
public enum ServerKind
{
    RedisResp3,
    RedisResp2,
    GarnetResp3,
    GarnetResp2,
}

internal static class ServerKindExtensions
{
    /// <summary>Starts a server for one test alone, or skips it where the machine has none.</summary>
    public static async Task<RespServer> StartAsync(this ServerKind kind)
    {
        RespServer server = kind is ServerKind.RedisResp3 or ServerKind.RedisResp2 ? new RedisServer() : new GarnetServer();
        server.SkipUnlessAvailable();
        await server.StartAsync();
        return server;
    }

    public static string ConnectionString(this ServerKind kind, RespServer server) =>
        $"{server.EndPoint},protocol={(kind is ServerKind.RedisResp3 or ServerKind.GarnetResp3 ? "resp3" : "resp2")}";
}

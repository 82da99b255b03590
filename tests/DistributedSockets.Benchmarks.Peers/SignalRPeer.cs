using Microsoft.AspNetCore.SignalR;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>SignalR with its Redis backplane, as its documentation sets it up.</summary>
internal sealed class SignalRPeer(string redis) : IPeer
{
    public void ConfigureServices(IServiceCollection services)
    {
        services.AddSignalR().AddStackExchangeRedis(redis);
        services.AddSingleton<IUserIdProvider, QueryUserIdProvider>();
    }

    public void Map(WebApplication app) => app.MapHub<PeerHub>("/ws");

    private sealed class QueryUserIdProvider : IUserIdProvider
    {
        public string? GetUserId(HubConnectionContext connection) => connection.GetHttpContext()?.Request.Query["u"];
    }
}

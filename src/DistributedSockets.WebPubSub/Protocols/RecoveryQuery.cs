using Microsoft.AspNetCore.Http;

namespace DistributedSockets.WebPubSub;

/// <summary>What a client adds to its URL that wants to come back to its session.</summary>
internal static class RecoveryQuery
{
    private const string ConnectionId = "awps_connection_id";
    private const string Token = "awps_reconnection_token";

    internal static bool IsIn(IQueryCollection query) => query.ContainsKey(ConnectionId);

    internal static SessionResumption? Read(IQueryCollection query) => query.TryGetValue(ConnectionId, out var id)
        ? new(id.ToString(), query[Token].ToString(), 0)
        : null;
}

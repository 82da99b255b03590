using System.Globalization;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Has a primary die before its replica has all that it answered.</summary>
internal static class RedisReplicas
{
    /// <param name="primary">The primary.</param>
    /// <param name="replica">Its replica, which stands still for a moment.</param>
    /// <param name="load">What goes on meanwhile, and is lost. Nodes that had received it report nothing, so the history is told here of when it was.</param>
    public static async Task KillWithoutLastEntriesAsync(RespServer primary, RespServer replica, HistoryLoad load)
    {
        var from = DateTimeOffset.UtcNow;
        var offset = await OffsetAsync(primary, "master_repl_offset:");
        await Guard.UntilAsync(() => OffsetAsync(replica, "slave_repl_offset:"), reached => reached >= offset, "the replica has all that was answered until now");
        await replica.PauseAsync();
        await primary.CommandAsync("CLIENT", "KILL", "TYPE", "replica"); // what the primary has sent already the replica reads yet
        await load.UntilFlowingAsync();
        await primary.KillAsync();
        await replica.ResumeAsync();
        load.History.Add(new HistoryLoss(primary.EndPoint, from, DateTimeOffset.UtcNow, "MessageLog"));
    }

    private static async Task<long> OffsetAsync(RespServer server, string field) => long.Parse(
        (await server.CommandAsync("INFO", "replication")).Split("\r\n").Single(line => line.StartsWith(field, StringComparison.Ordinal)).AsSpan(field.Length),
        CultureInfo.InvariantCulture);
}

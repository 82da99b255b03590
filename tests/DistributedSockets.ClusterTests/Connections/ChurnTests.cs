namespace DistributedSockets.ClusterTests;

/// <summary>Subscriptions that come and go all the time, since a channel is given up with its last member.</summary>
public sealed class ChurnTests(SharedCluster cluster)
{
    private const int ClientsPerNode = 10;
    private const int Rounds = 40;
    private const int Groups = 3;

    [Fact]
    public async Task JoinSendLeave_ManyClientsOfFewGroupsAtOnce_WhatIsSentAfterAJoinArrivesOnce()
    {
        var prefix = SharedCluster.Unique("churn");
        var nodes = await TestNodeProcess.StartAsync([.. new[] { "churn-a", "churn-b" }.Select(name => new NodeSettings
        {
            Name = name,
            Redis = cluster.Redis,
            IsPatient = true,
            Prefix = prefix,
            Options = new Dictionary<string, string> { ["UnsubscribeDelay"] = "00:00:00" },
        })]);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, ClientsPerNode * 2).Select(
                client => RunAsync(client, nodes[client % 2], nodes[(client + 1) % 2]))).Guarded("all rounds");

            foreach (var node in nodes)
            {
                await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") == 0, "all have left");
                await Guard.UntilAsync(node.SessionsAsync, static sessions => sessions.Length == 0, "all sessions have ended");
                Assert.Equal(0, await node.MetricAsync("distributed_sockets.handler_errors"));
            }
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }

    /// <summary>Joins, has somebody on the other node send, gets it, and leaves, over and over; connects anew now and then.</summary>
    private static async Task RunAsync(int number, TestNodeProcess home, TestNodeProcess other)
    {
        await using var sender = await other.ConnectAsync();
        var client = await home.ConnectAsync($"churner{number}");
        var seen = new HashSet<string>();
        for (var round = 0; round < Rounds; round++)
        {
            var group = $"churn{(number + round) % Groups}";
            var payload = $"{number}:{round}";
            await client.SendAsync($"J{group}");
            await UntilAsync($"ok J{group}");
            await sender.SendAsync($"G{group} {payload}");
            await UntilAsync(payload);
            await sender.SendAsync($"Uchurner{number} user {payload}");
            await UntilAsync($"user {payload}");
            if (round % 5 == 4)
            {
                if (round % 2 == 0)
                {
                    client.Abort();
                }

                await client.DisposeAsync();
                client = await home.ConnectAsync($"churner{number}");
            }
            else
            {
                await client.SendAsync($"L{group}");
                await UntilAsync($"ok L{group}");
            }
        }

        await client.DisposeAsync();

        async Task UntilAsync(string wanted)
        {
            while (true)
            {
                var text = await client.TextAsync();
                Assert.True(text.StartsWith("ok ", StringComparison.Ordinal) || seen.Add(text), $"{text} came twice.");
                if (text == wanted)
                {
                    return;
                }
            }
        }
    }
}

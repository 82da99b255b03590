using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.Benchmarks.Scenarios;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>The verb <c>peers</c>: all peers, one after the other, on the same Redis, by the same client.</summary>
internal static class PeersProgram
{
    /// <returns>0, or 1 if one of our deliveries did not come exactly once at the right connection.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var options = PeersOptions.Parse(args);
        var scenarios = options.Scenarios is ["all"]
            ? Scenario.All
            : [.. options.Scenarios.Select(static key => Scenario.All.FirstOrDefault(scenario => scenario.Key == key)
                ?? throw new FormatException($"There is no scenario {key}; there are {string.Join(", ", Scenario.All.Select(static one => one.Key))}."))];
        if (options.Client == ClientKind.C && scenarios.FirstOrDefault(static scenario => !scenario.SupportsClientInC) is { } only)
        {
            throw new FormatException($"{only.Key} asks for more than the load client in C can do. Use --client csharp.");
        }

        var leftOut = await PrepareAsync(options.Peers, [options.Client]);
        var machine = await Machine.ReadAsync();
        var faults = 0.0;
        foreach (var scenario in scenarios)
        {
            var run = await RunAsync(scenario, options, leftOut, machine, $"peers {string.Join(' ', args)}");
            var path = run.Save(options.Output);
            Console.WriteLine($"{Environment.NewLine}{MarkdownTable.Render(run)}{Environment.NewLine}{path}");
            faults += run.Measurements.Where(static measurement => measurement.Peer == Peer.All[0].Key).Sum(static measurement => measurement.Faults);
        }

        return faults > 0 ? 1 : 0;
    }

    /// <summary>Installs and builds what is needed besides this build.</summary>
    /// <returns>Why a peer cannot be run on this machine, by its key; nothing for those that can.</returns>
    /// <exception cref="FormatException">A load client cannot be run.</exception>
    public static async Task<SortedDictionary<string, string>> PrepareAsync(IReadOnlyList<Peer> peers, IReadOnlyList<ClientKind> clients)
    {
#if DEBUG
        await Console.Error.WriteLineAsync("This is a debug build: what it measures says nothing. Use -c Release.");
#endif
        return clients.Contains(ClientKind.C) && await NativeProgram.LoadClient.BuildAsync() is { } reason
            ? throw new FormatException($"The load client in C cannot be used: {reason}. Use --client csharp.")
            : await PeerPrograms.PrepareAsync(peers);
    }

    private static async Task<RunReport> RunAsync(Scenario scenario, PeersOptions options, SortedDictionary<string, string> leftOut, Machine machine, string command)
    {
        var startedAt = DateTimeOffset.UtcNow;
        var measurements = new List<Measurement>();
        await using var redis = new RedisServer();
        await redis.StartAsync();
        for (var round = 1; round <= options.Rounds; round++)
        {
            Console.WriteLine($"{scenario.Key}, round {round} of {options.Rounds}");
            foreach (var peer in options.Peers.Where(peer => scenario.Supports(peer) && !leftOut.ContainsKey(peer.Key)))
            {
                await scenario.RunAsync(new(peer, round, options, redis, measurements));
            }
        }

        return new()
        {
            Scenario = scenario.Key,
            StartedAt = startedAt,
            Command = command,
            Seconds = options.Seconds,
            WarmupSeconds = options.WarmupSeconds,
            Machine = machine,
            LeftOut = leftOut,
            Measurements = measurements,
        };
    }
}

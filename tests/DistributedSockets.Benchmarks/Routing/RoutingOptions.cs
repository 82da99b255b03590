using System.Globalization;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What the command line of <c>routing</c> says.</summary>
internal sealed record RoutingOptions
{
    public const string Usage = """
        routing [options]        interest and broadcast routing over one server: what messages, joins and memory cost
          --over redis|nats     the server, which is started (redis)
          --nodes N,N…          how many nodes (2,4,8)
          --names N,N…          how many groups each node holds, step by step (100,1000,10000,100000)
          --messages N          messages of each step, all nodes together (120960)
          --rate N              messages a second of all nodes together, where they have little to do (2000)
          --changes N           groups that are left for others in each step, all nodes together (20000)
          --rounds N            how often everything is done; the report shows medians (1)
          --warmup S            load before anything is measured (6)
          --short               2 and 4 nodes, up to 1,000 groups, little of everything: to see that it works, not to compare
          --output DIRECTORY    where the JSON file goes (artifacts/benchmarks)
        """;

    public RoutingServer Over { get; private set; } = RoutingServer.Redis;

    public IReadOnlyList<int> Nodes { get; private set; } = [2, 4, 8];

    public IReadOnlyList<int> Names { get; private set; } = [100, 1_000, 10_000, 100_000];

    public int Messages { get; private set; } = 120_960;

    public int Rate { get; private set; } = 2_000;

    public int Changes { get; private set; } = 20_000;

    public int Rounds { get; private set; } = 1;

    public double WarmupSeconds { get; private set; } = 6;

    public string Output { get; private set; } = Repository.Artifacts;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be understood.</exception>
    public static RoutingOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new RoutingOptions();
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--short":
                    (options.Nodes, options.Names, options.Messages, options.Changes, options.WarmupSeconds) = ([2, 4], [100, 1_000], 5_040, 4_000, 2);
                    break;
                case var option when i + 1 < args.Length:
                    options.Set(option, args[++i]);
                    break;
                default:
                    throw new FormatException($"{args[i]} is not understood.");
            }
        }

        return options;
    }

    private static int[] Numbers(string value) => [.. value.Split(',').Select(static number => int.Parse(number, CultureInfo.InvariantCulture))];

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--over":
                Over = RoutingServer.Get(value);
                break;
            case "--nodes":
                Nodes = Numbers(value);
                break;
            case "--names":
                Names = Numbers(value);
                break;
            case "--messages":
                Messages = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--rate":
                Rate = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--changes":
                Changes = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--rounds":
                Rounds = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--warmup":
                WarmupSeconds = double.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--output":
                Output = Path.GetFullPath(value);
                break;
            default:
                throw new FormatException($"There is no option {option}.");
        }
    }
}

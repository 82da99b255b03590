using System.Globalization;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What the command line of <c>peers</c> says.</summary>
internal sealed record PeersOptions
{
    public const string Usage = """
        peers SCENARIO[,SCENARIO…]|all [options]
          --peers KEY,KEY…      which of ours, signalr, socketio, handwritten, raw-send, raw-frames (all)
          --rounds N            how often all peers take their turn; tables show medians (5)
          --seconds S           measured time of each variant (5)
          --warmup S            time before it that does not count (3)
          --first-warmup S      the same for the first load of fresh processes (12)
          --connections N       connections, where the scenario leaves a choice
          --short               one round, 1 s warm-up (at first 2 s), 2 s measured: to see that it works, not to compare
          --output DIRECTORY    where the JSON file goes (artifacts/benchmarks)
        """;

    public IReadOnlyList<string> Scenarios { get; private set; } = [];

    public IReadOnlyList<Peer> Peers { get; private set; } = Peer.All;

    public int Rounds { get; private set; } = 5;

    public double Seconds { get; private set; } = 5;

    public double WarmupSeconds { get; private set; } = 3;

    /// <summary>The first load of fresh processes also pays for compiling them, in several steps that take their time while processors are busy.</summary>
    public double FirstWarmupSeconds { get; private set; } = 12;

    public int? Connections { get; private set; }

    public string Output { get; private set; } = Repository.Artifacts;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be understood.</exception>
    public static PeersOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new PeersOptions();
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--short":
                    (options.Rounds, options.Seconds, options.WarmupSeconds, options.FirstWarmupSeconds) = (1, 2, 1, 2);
                    break;
                case ['-', '-', ..] when i + 1 < args.Length:
                    options.Set(args[i], args[++i]);
                    break;
                case var scenarios when options.Scenarios.Count == 0 && !scenarios.StartsWith('-'):
                    options.Scenarios = scenarios.Split(',');
                    break;
                default:
                    throw new FormatException($"{args[i]} is not understood.");
            }
        }

        return options.Scenarios.Count > 0 ? options : throw new FormatException("Which scenario?");
    }

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--peers":
                Peers = [.. value.Split(',').Select(static key =>
                    Peer.All.FirstOrDefault(peer => peer.Key == key) ?? throw new FormatException($"There is no peer {key}."))];
                break;
            case "--rounds":
                Rounds = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--seconds":
                Seconds = double.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--warmup":
                WarmupSeconds = double.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--first-warmup":
                FirstWarmupSeconds = double.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--connections":
                Connections = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "--output":
                Output = Path.GetFullPath(value);
                break;
            default:
                throw new FormatException($"There is no option {option}.");
        }
    }
}

using System.Globalization;
using DistributedSockets.Benchmarks.Load;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What the command line of <c>peers</c> says.</summary>
internal sealed record PeersOptions
{
    public const string Usage = """
        peers SCENARIO[,SCENARIO…]|all [options]
          --peers KEY,KEY…      which of ours, signalr, socketio, ws, handwritten, raw-send, raw-frames, c (all)
          --client csharp|c     the load client in this process, or an independent one in C (csharp)
          --rounds N            how often all peers take their turn; tables show medians (5)
          --seconds S           measured time of each variant (5)
          --warmup S            time before it that does not count (3)
          --first-warmup S      the same for the first load of fresh processes (12)
          --connections N       connections, where the scenario leaves a choice
          --short               one round, 1 s warm-up (at first 2 s), 2 s measured: to see that it works, not to compare
          --output DIRECTORY    where the JSON file goes (artifacts/benchmarks)
        """;

    public IReadOnlyList<string> Scenarios { get; private set; } = [];

    public IReadOnlyList<Peer> Peers { get; internal set; } = Peer.All;

    public ClientKind Client { get; private set; } = ClientKind.CSharp;

    public int Rounds { get; internal set; } = 5;

    public double Seconds { get; internal set; } = 5;

    public double WarmupSeconds { get; internal set; } = 3;

    /// <summary>The first load of fresh processes also pays for compiling them, in several steps that take their time while processors are busy.</summary>
    public double FirstWarmupSeconds { get; internal set; } = 12;

    public int? Connections { get; private set; }

    public string Output { get; private set; } = Repository.Artifacts;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be understood.</exception>
    /// <param name="args">What it says.</param>
    /// <param name="defaults">What holds where it says nothing, if not what <see cref="Usage"/> says.</param>
    public static PeersOptions Parse(ReadOnlySpan<string> args, PeersOptions? defaults = null)
    {
        var options = defaults ?? new();
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

    /// <summary>The load client of a name on the command line.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static ClientKind ParseClient(string name) => name switch
    {
        "csharp" => ClientKind.CSharp,
        "c" => ClientKind.C,
        _ => throw new FormatException($"There is no load client {name}; there are csharp and c."),
    };

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--peers":
                Peers = [.. value.Split(',').Select(Peer.Get)];
                break;
            case "--client":
                Client = ParseClient(value);
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

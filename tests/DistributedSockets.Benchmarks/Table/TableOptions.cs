using System.Globalization;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Table;

/// <summary>What the command line of <c>table</c> says.</summary>
internal sealed record TableOptions(PeersOptions Peers, IReadOnlyList<ClientKind> Clients, TimeSpan Bound, bool Resume)
{
    public const string Usage = """
        table [LOAD,LOAD…] [options of peers, and]
          LOAD                  which of broadcast-8, broadcast-1, groups, user, user-rate, slow-reader (all)
          --client csharp,c     which load clients: each measures every load (both)
          --minutes M           begins no round after that time (60)
          --resume              goes on with the newest run in the output directory
          defaults here: 5 rounds, 2 s measured after 1 s, at first 9 s over all loads; every peer but raw-send and raw-frames
        """;

    public const string ResumeOption = "--resume";

    private const string Client = "--client";
    private const string Minutes = "--minutes";

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It cannot be understood.</exception>
    public static TableOptions Parse(string[] args)
    {
        var rest = args.ToList();
        var resume = rest.Remove(ResumeOption);
        IReadOnlyList<ClientKind> clients = Take(rest, Client) is { } names ? [.. names.Split(',').Select(PeersOptions.ParseClient)] : Enum.GetValues<ClientKind>();
        var bound = TimeSpan.FromMinutes(Take(rest, Minutes) is { } minutes ? double.Parse(minutes, CultureInfo.InvariantCulture) : 60);
        if (rest.Count == 0 || rest[0].StartsWith('-'))
        {
            rest.Insert(0, string.Join(',', TableLoad.Keys));
        }

        var peers = PeersOptions.Parse([.. rest], new PeersOptions
        {
            Seconds = 2,
            WarmupSeconds = 1,
            FirstWarmupSeconds = 9,
            Peers = [.. Peer.All.Where(static peer => peer.Key is not ("raw-send" or "raw-frames"))],
        });
        return peers.Scenarios.FirstOrDefault(static key => !TableLoad.Keys.Contains(key)) is { } unknown
            ? throw new FormatException($"There is no load {unknown}; there are {string.Join(", ", TableLoad.Keys)}.")
            : new(peers, clients, bound, resume);
    }

    private static string? Take(List<string> args, string option)
    {
        var at = args.IndexOf(option);
        if (at < 0 || at + 1 >= args.Count)
        {
            return null;
        }

        var value = args[at + 1];
        args.RemoveRange(at, 2);
        return value;
    }
}

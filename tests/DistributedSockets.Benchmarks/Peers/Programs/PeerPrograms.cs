using System.Diagnostics;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What has to be there before the nodes of a peer can be started, and how they are.</summary>
internal static class PeerPrograms
{
    /// <summary>Installs and builds what peers need besides this build.</summary>
    /// <returns>Why a peer cannot be run on this machine, by its key; nothing for those that can.</returns>
    public static async Task<SortedDictionary<string, string>> PrepareAsync(IReadOnlyList<Peer> peers)
    {
        var reasons = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var runtime in peers.GroupBy(static peer => peer.Runtime))
        {
            var reason = runtime.Key switch
            {
                PeerRuntime.NodeJs => await NodeJsPrograms.InstallAsync(),
                PeerRuntime.Native => await NativeProgram.Server.BuildAsync(),
                _ => null,
            };
            foreach (var peer in runtime)
            {
                if (reason is not null)
                {
                    reasons[peer.Key] = reason;
                    await Console.Error.WriteLineAsync($"{peer.Title} is left out: {reason}.");
                }
            }
        }

        return reasons;
    }

    /// <summary>How to start a node.</summary>
    public static ProcessStartInfo StartInfo(Peer peer, int number, string redis, bool compressed)
    {
        string[] own = [.. peer.Arguments, .. peer == Peer.Ours ? ["--name", $"node-{number}"] : Array.Empty<string>(), .. compressed ? [Peer.Compression] : Array.Empty<string>()];
        string[] listen = ["--port", "0", "--redis", redis];
        return peer.Runtime switch
        {
            PeerRuntime.NodeJs => new("node", ["--expose-gc", NodeJsPrograms.Script(peer.Program), .. listen]),
            PeerRuntime.Native => new(NativeProgram.Server.Path, listen),
            _ => new("dotnet", [Repository.Program(peer.Program), .. own, .. listen]),
        };
    }
}

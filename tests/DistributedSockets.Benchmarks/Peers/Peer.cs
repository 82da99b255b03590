using DistributedSockets.Benchmarks.Load;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>A way to serve WebSockets that is compared.</summary>
/// <param name="Key">Its name on the command line and in results.</param>
/// <param name="Title">Its name in tables.</param>
/// <param name="Runtime">What runs its program.</param>
/// <param name="Program">The program that each node runs: a project, a script, or a source file.</param>
/// <param name="Arguments">What the program is given before port and Redis.</param>
/// <param name="Dialect">How it is spoken to.</param>
/// <param name="IsDistributed">Whether nodes reach each other's connections. The references do not: their nodes stand alone, and the client tells each.</param>
/// <param name="CanCompress">Whether the program takes <see cref="Compression"/>.</param>
/// <param name="CanLog">Whether the program can keep what it sends.</param>
internal sealed record Peer(
    string Key,
    string Title,
    PeerRuntime Runtime,
    string Program,
    IReadOnlyList<string> Arguments,
    Dialect Dialect,
    bool IsDistributed,
    bool CanCompress = false,
    bool CanLog = false)
{
    /// <summary>Has a program compress what it sends, where clients agree.</summary>
    public const string Compression = "--compression";

    private const string TestNode = "DistributedSockets.TestNode";
    private const string Peers = "DistributedSockets.Benchmarks.Peers";

    private static readonly TextDialect s_text = new();

    /// <summary>All, ours first.</summary>
    public static IReadOnlyList<Peer> All { get; } =
    [
        new("ours", "DistributedSockets", PeerRuntime.Dotnet, TestNode, ["--until-stdin-closes"], s_text, IsDistributed: true, CanCompress: true, CanLog: true),
        new("signalr", "SignalR, Redis backplane, JSON", PeerRuntime.Dotnet, Peers, ["signalr"], new SignalRDialect(), IsDistributed: true),
        new("socketio", "Socket.IO, Redis adapter", PeerRuntime.NodeJs, "socketio.mjs", [], new SocketIoDialect(), IsDistributed: true),
        new("ws", "Node.js by hand, ws and Redis", PeerRuntime.NodeJs, "ws.mjs", [], s_text, IsDistributed: true),
        new("handwritten", "C# by hand, one Redis channel", PeerRuntime.Dotnet, Peers, ["handwritten"], s_text, IsDistributed: true),
        new("raw-send", "Kestrel alone, SendAsync", PeerRuntime.Dotnet, Peers, ["raw-send"], s_text, IsDistributed: false, CanCompress: true),
        new("raw-frames", "Kestrel alone, joined frames", PeerRuntime.Dotnet, Peers, ["raw-frames"], s_text, IsDistributed: false),
        new("c", "C alone, epoll, joined frames", PeerRuntime.Native, "epoll-server", [], s_text, IsDistributed: false),
    ];

    public bool IsDotnet => Runtime == PeerRuntime.Dotnet;

    public static Peer Ours => All[0];

    /// <summary>The peer of a name on the command line.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static Peer Get(string key) => All.FirstOrDefault(peer => peer.Key == key)
        ?? throw new FormatException($"There is no peer {key}; there are {string.Join(", ", All.Select(static peer => peer.Key))}.");
}

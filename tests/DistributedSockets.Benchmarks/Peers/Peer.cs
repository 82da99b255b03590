using DistributedSockets.Benchmarks.Load;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>A way to serve WebSockets that is compared.</summary>
/// <param name="Key">Its name on the command line and in results.</param>
/// <param name="Title">Its name in tables.</param>
/// <param name="Program">The program that each node runs.</param>
/// <param name="Arguments">What the program is given before port and Redis.</param>
/// <param name="Dialect">How it is spoken to.</param>
/// <param name="IsDistributed">Whether nodes reach each other's connections. The references do not: their nodes stand alone, and the client tells each.</param>
/// <param name="CanCompress">Whether the program takes <see cref="Compression"/>.</param>
internal sealed record Peer(
    string Key, string Title, string Program, IReadOnlyList<string> Arguments, Dialect Dialect, bool IsDistributed, bool CanCompress = false)
{
    private static readonly TextDialect s_text = new();

    /// <summary>All, ours first.</summary>
    public static IReadOnlyList<Peer> All { get; } =
    [
        new("ours", "DistributedSockets", "DistributedSockets.TestNode", [], s_text, IsDistributed: true, CanCompress: true),
        new("signalr", "SignalR, Redis backplane, JSON", "DistributedSockets.Benchmarks.Peers", ["signalr"], new SignalRDialect(), IsDistributed: true),
        new("socketio", "Socket.IO, Redis adapter", SocketIo, [], new SocketIoDialect(), IsDistributed: true),
        new("handwritten", "by hand, one Redis channel", "DistributedSockets.Benchmarks.Peers", ["handwritten"], s_text, IsDistributed: true),
        new("raw-send", "Kestrel alone, SendAsync", "DistributedSockets.Benchmarks.Peers", ["raw-send"], s_text, IsDistributed: false, CanCompress: true),
        new("raw-frames", "Kestrel alone, joined frames", "DistributedSockets.Benchmarks.Peers", ["raw-frames"], s_text, IsDistributed: false),
    ];

    /// <summary>The program of Socket.IO, which is a folder of scripts.</summary>
    public const string SocketIo = "socketio";

    /// <summary>Has a program compress what it sends, where clients agree.</summary>
    public const string Compression = "--compression";

    public bool IsDotnet => Program != SocketIo;
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace DistributedSockets.ClusterTests;

/// <summary>Stands between a client and a server on loopback, and does to their connections what networks do.</summary>
/// <remarks>Faults can be set and healed at any time, and hold for the connections that are open as for those to come.</remarks>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<FaultLink, bool> _links = new();
    private readonly FaultLinks?[] _swallowed = new FaultLinks?[2];
    private readonly FaultLinks?[] _held = new FaultLinks?[2];
    private readonly Task _accepting;
    private volatile IPEndPoint _server;
    private volatile TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _refuses;
    private int _linksMade;

    private FaultProxy(IPEndPoint server)
    {
        _server = server;
        _listener.Start();
        EndPoint = _listener.LocalEndpoint.ToString()!; // an endpoint has a text
        _accepting = AcceptAsync();
    }

    /// <summary>Where clients connect: <c>127.0.0.1:port</c>.</summary>
    public string EndPoint { get; }

    /// <summary>How much later bytes arrive, each way.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>How many bytes pass in a second on each link, each way; 0 for no limit.</summary>
    public int BytesPerSecond { get; set; }

    /// <summary>How many links have been made, also those that have ended.</summary>
    public int LinksMade => Volatile.Read(ref _linksMade);

    /// <summary>The links that are open.</summary>
    public IReadOnlyCollection<FaultLink> Links => [.. _links.Keys];

    public static FaultProxy Start(string server) => new(IPEndPoint.Parse(server));

    /// <summary>Leads new connections to another server.</summary>
    public void LeadTo(string server) => _server = IPEndPoint.Parse(server);

    /// <summary>Resets connections; new ones are let through.</summary>
    public void Cut(FaultLinks links = FaultLinks.All)
    {
        foreach (var link in Of(links))
        {
            link.Cut();
        }
    }

    /// <summary>Resets all connections, and every new one at once.</summary>
    public void Refuse()
    {
        _refuses = true;
        Cut();
    }

    /// <summary>A black hole: both ends see a healthy connection, and what is sent this way is gone.</summary>
    public void Swallow(FaultDirection direction, FaultLinks links = FaultLinks.All) => _swallowed[(int)direction] = links;

    /// <summary>Nothing passes this way, and nothing is lost.</summary>
    public void Hold(FaultDirection direction, FaultLinks links = FaultLinks.All) => _held[(int)direction] = links;

    /// <summary>Ends connections at the server without a word to the client.</summary>
    public void HalfOpen(FaultLinks links = FaultLinks.All)
    {
        foreach (var link in Of(links))
        {
            link.HalfOpen();
        }
    }

    /// <summary>Puts bytes into streams that nobody sent.</summary>
    public void Inject(FaultDirection direction, ReadOnlySpan<byte> bytes, FaultLinks links = FaultLinks.All)
    {
        foreach (var link in Of(links))
        {
            link.Inject(direction, bytes.ToArray());
        }
    }

    /// <summary>Ends all faults. Connections whose bytes went missing are reset, as TCP does in the end.</summary>
    public void Heal()
    {
        (Delay, BytesPerSecond, _refuses) = (TimeSpan.Zero, 0, false);
        Array.Clear(_swallowed);
        Array.Clear(_held);
        Interlocked.Exchange(ref _released, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        foreach (var link in Links.Where(static link => link.HasLostBytes))
        {
            link.Cut();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        Heal();
        Cut();
        await Task.WhenAll(Links.Select(static link => link.Ended)).Guarded("the end of a proxy");
    }

    internal bool Swallows(FaultLink link, FaultDirection direction) => _swallowed[(int)direction] is { } links && link.Is(links);

    internal async Task WaitWhileHeldAsync(FaultLink link, FaultDirection direction)
    {
        while (true)
        {
            var released = _released.Task; // before the question, so that no answer is missed
            if (_held[(int)direction] is not { } links || !link.Is(links))
            {
                return;
            }

            await released;
        }
    }

    private IEnumerable<FaultLink> Of(FaultLinks links) => Links.Where(link => link.Is(links));

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return; // disposed
            }

            if (!_refuses && await ConnectAsync() is { } server)
            {
                client.NoDelay = true;
                _ = CarryAsync(new(this, client, server));
            }
            else
            {
                client.Close(0);
            }
        }
    }

    private async Task<Socket?> ConnectAsync()
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await server.ConnectAsync(_server);
            return server;
        }
        catch (SocketException)
        {
            server.Dispose();
            return null; // nobody listens, which the client learns by a reset
        }
    }

    private async Task CarryAsync(FaultLink link)
    {
        _links[link] = true;
        Interlocked.Increment(ref _linksMade);
        if (_refuses)
        {
            link.Cut(); // it was refused while it was being made
        }

        await link.RunAsync();
        _links.TryRemove(link, out _);
    }
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>Forwards TCP connections to a server, and stands between them when told to.</summary>
internal sealed class CuttableLink : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Task, TcpClient> _forwarding = new();
    private TcpListener _listener = new(IPAddress.Loopback, 0);
    private Task _accepting = Task.CompletedTask;

    public CuttableLink()
    {
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
    }

    /// <summary>Where clients connect to.</summary>
    public int Port { get; }

    /// <summary>Begins to forward.</summary>
    public void Open(int serverPort) => _accepting = AcceptAsync(_listener, serverPort);

    /// <summary>Closes all connections, and refuses new ones.</summary>
    public async Task CutAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var client in _forwarding.Values)
        {
            client.Close();
        }

        await Task.WhenAll(_forwarding.Keys);
        _forwarding.Clear();
    }

    /// <summary>Lets connections pass again.</summary>
    public void Restore(int serverPort)
    {
        _listener = new(IPAddress.Loopback, Port);
        _listener.Start();
        Open(serverPort);
    }

    public async ValueTask DisposeAsync() => await CutAsync();

    private async Task AcceptAsync(TcpListener listener, int serverPort)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync();
                _forwarding[ForwardAsync(client, serverPort)] = client;
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It was stopped.
        }
    }

    private static async Task ForwardAsync(TcpClient client, int serverPort)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                client.NoDelay = true;
                server.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, serverPort);
                await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream()), server.GetStream().CopyToAsync(client.GetStream()));
            }
            catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // One end is gone, and the other goes with it.
            }
        }
    }
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace DistributedSockets.TestServers;

/// <summary>Forwards TCP connections to a server, and stands between them when told to.</summary>
public sealed class CuttableLink : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Task, TcpClient> _forwarding = new();
    private Socket _listener = Bind(0);
    private Task _accepting = Task.CompletedTask;

    public CuttableLink()
    {
        _listener.Listen();
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port; // it is bound
    }

    /// <summary>Where clients connect to.</summary>
    public int Port { get; }

    /// <summary>Begins to forward.</summary>
    public void Open(int serverPort) => _accepting = AcceptAsync(_listener, serverPort);

    /// <summary>Closes all connections, and refuses new ones.</summary>
    public async Task CutAsync()
    {
        _listener.Dispose();
        _listener = Bind(Port); // refuses all, and keeps the port from being taken meanwhile
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
        _listener.Listen();
        Open(serverPort);
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        _listener.Dispose();
    }

    private static Socket Bind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    private async Task AcceptAsync(Socket listener, int serverPort)
    {
        try
        {
            while (true)
            {
                var client = new TcpClient { Client = await listener.AcceptAsync() };
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
                await TwoWayCopy.RunAsync(client, server);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The client or the server is gone already.
            }
        }
    }
}

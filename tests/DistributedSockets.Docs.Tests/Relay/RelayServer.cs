using System.Net;
using System.Net.Sockets;

namespace DistributedSockets.Docs.Tests.Relay;

/// <summary>Sends each frame of a client (a length of 4 bytes, and as many bytes) to all clients, in one order for all.</summary>
internal sealed class RelayServer : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly List<NetworkStream> _clients = [];
    private readonly List<Task> _loops = [];
    private readonly Task _accepting;

    public RelayServer(IPEndPoint? endPoint = null)
    {
        _listener = new(endPoint ?? new(IPAddress.Loopback, 0));
        _listener.Start();
        EndPoint = (IPEndPoint)_listener.LocalEndpoint;
        _accepting = Task.Run(AcceptAsync);
    }

    public IPEndPoint EndPoint { get; }

    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_loops);
        _stopping.Dispose();
        _turn.Dispose();
    }

    private static bool IsEnd(Exception exception) => exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException;

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
                client.NoDelay = true;
                _loops.Add(ServeAsync(client));
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        var stream = client.GetStream();
        try
        {
            await ToAllAsync(stream, null);
            var header = new byte[4];
            while (true)
            {
                await stream.ReadExactlyAsync(header, _stopping.Token);
                var frame = new byte[4 + BitConverter.ToInt32(header)];
                header.CopyTo(frame, 0);
                await stream.ReadExactlyAsync(frame.AsMemory(4), _stopping.Token);
                await ToAllAsync(stream, frame);
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            lock (_clients)
            {
                _clients.Remove(stream);
            }
        }
    }

    /// <summary>Sends a frame to all, or greets a new client and lists it.</summary>
    private async Task ToAllAsync(NetworkStream from, byte[]? frame)
    {
        await _turn.WaitAsync(_stopping.Token);
        try
        {
            if (frame is null)
            {
                await from.WriteAsync(new byte[1], _stopping.Token);
                lock (_clients)
                {
                    _clients.Add(from);
                }

                return;
            }

            NetworkStream[] clients;
            lock (_clients)
            {
                clients = [.. _clients];
            }

            foreach (var client in clients)
            {
                try
                {
                    await client.WriteAsync(frame, _stopping.Token);
                }
                catch (Exception exception) when (exception is IOException or ObjectDisposedException)
                {
                    // Its own loop sees that it has gone.
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }
}

using System.Net;
using System.Net.Sockets;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests;

/// <summary>Forwards TCP connections to a server: the first at once, later ones only when told to.</summary>
internal sealed class HoldingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _serverPort;
    private readonly Task _accepting;

    public HoldingProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string EndPoint => $"{_listener.LocalEndpoint}";

    public void Release() => _released.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var forwarding = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                forwarding.Add(ForwardAsync(client, forwarding.Count == 0 ? Task.CompletedTask : _released.Task));
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            await Task.WhenAll(forwarding);
        }
    }

    private async Task ForwardAsync(TcpClient client, Task permission)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await permission.WaitAsync(_stop.Token);
                await server.ConnectAsync(IPAddress.Loopback, _serverPort, _stop.Token);
                await TwoWayCopy.RunAsync(client, server, _stop.Token);
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                // It was stopped, or the server is gone.
            }
        }
    }
}

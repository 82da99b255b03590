using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>Knows no command, and repeats the arguments of each in its answer, as Redis does with commands that it does not know.</summary>
internal sealed class EchoingServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _repeated;

    internal EchoingServer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal string EndPoint => $"{_listener.LocalEndpoint}";

    /// <summary>How many commands were answered so.</summary>
    internal int Repeated => Volatile.Read(ref _repeated);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
                while (await reader.ReadLineAsync(_stop.Token) is { } header)
                {
                    var parts = new List<string>();
                    for (var left = int.Parse(header[1..]); left > 0; left--)
                    {
                        var length = int.Parse((await reader.ReadLineAsync(_stop.Token))![1..]);
                        var part = new char[length + 2];
                        await reader.ReadBlockAsync(part, _stop.Token);
                        parts.Add(new string(part, 0, length));
                    }

                    Interlocked.Increment(ref _repeated);
                    var arguments = string.Concat(parts.Skip(1).Select(part => $"'{part.ReplaceLineEndings(" ")}' "));
                    await client.GetStream().WriteAsync(
                        Encoding.Latin1.GetBytes($"-ERR unknown command '{parts[0]}', with args beginning with: {arguments}\r\n"), _stop.Token);
                }
            }
            catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
            {
                // One end is gone.
            }
        }
    }
}

using System.Net.Sockets;
using System.Threading.Channels;

namespace DistributedSockets.ClusterTests;

/// <summary>One connection through a proxy.</summary>
internal sealed class FaultLink
{
    private const int ChunkBytes = 16 * 1024;
    private const int WaitingChunks = 256; // then the sender feels the delay as TCP back-pressure

    private readonly FaultProxy _proxy;
    private readonly Socket _client;
    private readonly Socket _server;
    private readonly Channel<(long Due, byte[] Bytes)>[] _ways;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isSubscriber;
    private volatile bool _hasLostBytes;
    private volatile bool _isHalfOpen;
    private volatile bool _isCut;

    public FaultLink(FaultProxy proxy, Socket client, Socket server)
    {
        (_proxy, _client, _server) = (proxy, client, server);
        _ways = [NewWay(), NewWay()];
    }

    /// <summary>Completes when both ends are closed.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Whether bytes were taken out of its streams, so that no protocol can go on over it.</summary>
    public bool HasLostBytes => _hasLostBytes;

    public bool Is(FaultLinks links) => links == FaultLinks.All || _isSubscriber == (links == FaultLinks.Subscriber);

    /// <summary>Carries bytes until an end is reached.</summary>
    public async Task RunAsync()
    {
        try
        {
            await Task.WhenAll(
                EndWithAllAsync(ReadAsync(_client, FaultDirection.ToServer)),
                EndWithAllAsync(WriteAsync(_server, FaultDirection.ToServer)),
                EndWithAllAsync(ReadAsync(_server, FaultDirection.ToClient)),
                EndWithAllAsync(WriteAsync(_client, FaultDirection.ToClient)));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or ChannelClosedException or InvalidOperationException)
        {
            // One end is gone, and the other hears of it by the cut.
        }

        Cut();
        _ended.SetResult();
    }

    /// <summary>Puts bytes into the stream that nobody sent.</summary>
    public void Inject(FaultDirection direction, byte[] bytes)
    {
        _hasLostBytes = true;
        _ways[(int)direction].Writer.TryWrite((0, bytes));
    }

    /// <summary>Ends the server's side, while the client's stays open and silent.</summary>
    public void HalfOpen()
    {
        _isHalfOpen = true;
        _hasLostBytes = true;
        _server.Close();
    }

    /// <summary>Resets both ends.</summary>
    public void Cut()
    {
        _isHalfOpen = false;
        _isCut = true;
        foreach (var way in _ways)
        {
            way.Writer.TryComplete();
        }

        _client.Close(0); // with nothing to linger for, the other side gets a reset
        _server.Close(0);
    }

    private static Channel<(long Due, byte[] Bytes)> NewWay() => Channel.CreateBounded<(long, byte[])>(WaitingChunks);

    /// <summary>The first part that fails takes the others with it, but for a link that is to stay half open.</summary>
    private async Task EndWithAllAsync(Task part)
    {
        try
        {
            await part;
        }
        catch when (_isHalfOpen)
        {
            // The client is not to notice.
        }
        catch
        {
            Cut();
            throw;
        }
    }

    private async Task ReadAsync(Socket from, FaultDirection direction)
    {
        var buffer = new byte[ChunkBytes];
        var way = _ways[(int)direction].Writer;
        while (await from.ReceiveAsync(buffer) is > 0 and var read)
        {
            if (direction == FaultDirection.ToServer && !_isSubscriber && buffer.AsSpan(0, read).IndexOf("SUBSCRIBE"u8) >= 0)
            {
                _isSubscriber = true;
            }

            if (!_isHalfOpen)
            {
                await way.WriteAsync((Environment.TickCount64 + (long)_proxy.Delay.TotalMilliseconds, buffer.AsSpan(0, read).ToArray()));
            }
        }

        way.TryComplete();
        if (_isHalfOpen)
        {
            Cut(); // the client has gone, so there is nobody left to deceive
        }
    }

    private async Task WriteAsync(Socket to, FaultDirection direction)
    {
        await foreach (var (due, bytes) in _ways[(int)direction].Reader.ReadAllAsync())
        {
            if (due - Environment.TickCount64 is > 0 and var wait)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(wait));
            }

            await _proxy.WaitWhileHeldAsync(this, direction);
            if (_proxy.Swallows(this, direction))
            {
                _hasLostBytes = true;
                continue;
            }

            for (var sent = 0; sent < bytes.Length;)
            {
                sent += await to.SendAsync(bytes.AsMemory(sent));
            }

            if (_proxy.BytesPerSecond is > 0 and var rate)
            {
                await Task.Delay(TimeSpan.FromSeconds((double)bytes.Length / rate));
            }
        }

        if (!_isHalfOpen && !_isCut)
        {
            to.Shutdown(SocketShutdown.Send);
        }
    }
}

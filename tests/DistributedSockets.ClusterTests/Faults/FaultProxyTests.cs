using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistributedSockets.ClusterTests;

/// <summary>The proxy does what its faults are called.</summary>
public sealed class FaultProxyTests : IAsyncLifetime
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _ends = [];
    private FaultProxy? _proxy;

    private FaultProxy Proxy => _proxy!; // set before any test

    public ValueTask InitializeAsync()
    {
        _listener.Start();
        _proxy = FaultProxy.Start(_listener.LocalEndpoint.ToString()!); // an endpoint has a text
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        _listener.Stop();
        foreach (var socket in _ends)
        {
            socket.Dispose();
        }
    }

    [Fact]
    public async Task WithoutAFault_BytesAndTheEndPassBothWays()
    {
        var (client, server) = await ConnectAsync();
        await WriteAsync(client, "ping");
        Assert.Equal("ping", await ReadAsync(server));
        await WriteAsync(server, "pong");
        Assert.Equal("pong", await ReadAsync(client));

        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await ReadAsync(server));
        await WriteAsync(server, "bye");
        Assert.Equal("bye", await ReadAsync(client));
    }

    [Fact]
    public async Task Cut_ResetsBothEnds_AndLetsNewOnesThrough()
    {
        var (client, server) = await ConnectAsync();
        Proxy.Cut();
        await Assert.ThrowsAsync<SocketException>(() => ReadAsync(client));
        await Assert.ThrowsAsync<SocketException>(() => ReadAsync(server));

        var (again, server2) = await ConnectAsync();
        await WriteAsync(again, "ping");
        Assert.Equal("ping", await ReadAsync(server2));
    }

    [Fact]
    public async Task Refuse_ResetsNewOnesToo_UntilHealed()
    {
        var (client, _) = await ConnectAsync();
        Proxy.Refuse();
        await Assert.ThrowsAsync<SocketException>(() => ReadAsync(client));
        var refused = new Socket(SocketType.Stream, ProtocolType.Tcp);
        _ends.Add(refused);
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            await refused.ConnectAsync(IPEndPoint.Parse(Proxy.EndPoint), TestContext.Current.CancellationToken);
            await ReadAsync(refused);
        });

        Proxy.Heal();
        var (again, server) = await ConnectAsync();
        await WriteAsync(again, "ping");
        Assert.Equal("ping", await ReadAsync(server));
    }

    [Theory]
    [InlineData(FaultDirection.ToServer)]
    [InlineData(FaultDirection.ToClient)]
    public async Task Swallow_LosesOneDirectionOnly_AndHealingCuts(object direction)
    {
        var (client, server) = await ConnectAsync();
        Proxy.Swallow((FaultDirection)direction);
        var (silent, deaf) = (FaultDirection)direction == FaultDirection.ToServer ? (client, server) : (server, client);
        await WriteAsync(silent, "lost");
        await WriteAsync(deaf, "heard");
        Assert.Equal("heard", await ReadAsync(silent));
        await Guard.UntilAsync(() => Task.FromResult(Proxy.Links.Any(static link => link.HasLostBytes)), "the bytes are lost");

        Proxy.Heal();
        await Assert.ThrowsAsync<SocketException>(() => ReadAsync(deaf));
    }

    [Fact]
    public async Task Hold_DelaysUntilHealed_AndLosesNothing()
    {
        var (client, server) = await ConnectAsync();
        Proxy.Hold(FaultDirection.ToServer);
        await WriteAsync(client, "late");
        await WriteAsync(server, "at once");
        Assert.Equal("at once", await ReadAsync(client));
        var reading = ReadAsync(server);
        Assert.False(reading.IsCompleted);

        Proxy.Heal();
        Assert.Equal("late", await reading);
    }

    [Fact]
    public async Task FaultForSubscribers_LeavesTheOthersAlone()
    {
        var (subscriber, serverOfSubscriber) = await ConnectAsync();
        var (other, serverOfOther) = await ConnectAsync();
        await WriteAsync(subscriber, "SUBSCRIBE");
        Assert.Equal("SUBSCRIBE", await ReadAsync(serverOfSubscriber));
        Proxy.Swallow(FaultDirection.ToClient, FaultLinks.Subscriber);
        await WriteAsync(serverOfSubscriber, "lost");
        await WriteAsync(serverOfOther, "heard");
        Assert.Equal("heard", await ReadAsync(other));
        await Guard.UntilAsync(() => Task.FromResult(Proxy.Links.Count(static link => link.HasLostBytes) == 1), "one link lost bytes");
    }

    [Fact]
    public async Task HalfOpen_EndsTheServersSide_AndTheClientNoticesNothing()
    {
        var (client, server) = await ConnectAsync();
        Proxy.HalfOpen();
        Assert.True(await EndsAsync(server));
        await WriteAsync(client, "hello?");
        var reading = ReadAsync(client);
        await Assert.ThrowsAsync<TimeoutException>(() => reading.WaitAsync(TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken));

        Proxy.Heal();
        await Assert.ThrowsAsync<SocketException>(() => reading);
    }

    [Fact]
    public async Task Inject_AddsBytesNobodySent()
    {
        var (client, _) = await ConnectAsync();
        Proxy.Inject(FaultDirection.ToClient, "garbage"u8);
        Assert.Equal("garbage", await ReadAsync(client));
    }

    [Fact]
    public async Task DelayAndBandwidth_SlowBytesDown()
    {
        var (client, server) = await ConnectAsync();
        Proxy.Delay = TimeSpan.FromMilliseconds(150);
        var started = Environment.TickCount64;
        await WriteAsync(client, "late");
        Assert.Equal("late", await ReadAsync(server));
        Assert.True(Environment.TickCount64 - started >= 140, "The delay was too short.");

        Proxy.Heal();
        Proxy.BytesPerSecond = 100_000;
        started = Environment.TickCount64;
        await WriteAsync(client, new string('x', 40_000));
        for (var read = 0; read < 40_000;)
        {
            read += (await ReadAsync(server)).Length;
        }

        Assert.True(Environment.TickCount64 - started >= 200, "The bytes came too fast.");
    }

    private static async Task WriteAsync(Socket socket, string text) =>
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), TestContext.Current.CancellationToken);

    private static async Task<string> ReadAsync(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        var read = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken).AsTask().Guarded("bytes through the proxy");
        return Encoding.ASCII.GetString(buffer, 0, read);
    }

    private static async Task<bool> EndsAsync(Socket socket)
    {
        try
        {
            return (await ReadAsync(socket)).Length == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var known = Proxy.LinksMade;
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        _ends.Add(client);
        await client.ConnectAsync(IPEndPoint.Parse(Proxy.EndPoint), TestContext.Current.CancellationToken);
        var server = await _listener.AcceptSocketAsync(TestContext.Current.CancellationToken).AsTask().Guarded("a connection through the proxy");
        _ends.Add(server);
        await Guard.UntilAsync(() => Task.FromResult(Proxy.LinksMade > known), "the proxy knows the link");
        return (client, server);
    }
}

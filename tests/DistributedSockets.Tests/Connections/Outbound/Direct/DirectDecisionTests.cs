using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

/// <summary>Which connections may write past the server's pipe: those of which it is known that nothing stands before their socket. TLS is in <see cref="TlsTests"/>.</summary>
public sealed class DirectDecisionTests
{
    private static readonly Dictionary<string, (Action<ListenOptions>? Listen, Action<IServiceCollection>? Services, bool IsDirect)> s_servers = new()
    {
        ["plain"] = (null, null, true),
        ["middleware that only looks"] = (static listen => listen.Use(static next => connection => next(connection)), null, true),
        ["middleware that wraps the transport"] = (
            static listen => listen.Use(static next => connection =>
            {
                connection.Transport = new Wrapped(connection.Transport);
                return next(connection);
            }),
            null,
            false),
        ["connection logging"] = (static listen => listen.UseConnectionLogging(), null, false),
        ["transport of the app's own that wraps Kestrel's"] = (null, static services => services.AddSingleton<IConnectionListenerFactory, WrappingTransport>(), false),
        ["transport without a socket, as named pipes are"] = (null, static services => services.AddSingleton<IConnectionListenerFactory, StreamTransport>(), false),
        ["several transports, none of which can bind but Kestrel's"] = (
            null,
            static services => services
                .AddSingleton<IConnectionListenerFactory, NeverBinds>()
                .AddSingleton<IConnectionListenerFactory>(static _ => new NeverBinds())
                .AddSingleton<IConnectionListenerFactory>(new NeverBinds()),
            true),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Servers { get; } = [.. s_servers.Keys];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Writes_AreDirect_OnlyWhereNothingIsInBetween(string server)
    {
        var (listen, services, isDirect) = s_servers[server];
        await using var node = await AppNode.StartAsync(options: static options => options.DirectWrites = true, build: sockets => services?.Invoke(sockets.Services), listen: listen);
        await using var client = await node.ConnectAsync();

        await AssertAsync(node.Hub.Find(client.Id)!, client, isDirect);
    }

    [Fact]
    public async Task Writes_SwitchedOff_GoThroughThePipe()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.DirectWrites = false);
        await using var client = await node.ConnectAsync();

        await AssertAsync(node.Hub.Find(client.Id)!, client, isDirect: false);
    }

    [Fact]
    public async Task Writes_OverHttp2_GoThroughThePipe()
    {
        await using var node = await AppNode.StartAsync(protocols: HttpProtocols.Http2);
        await using var client = await node.ConnectAsync(options: static options =>
        {
            options.HttpVersion = HttpVersion.Version20;
            options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        });

        await AssertAsync(node.Hub.Find(client.Id)!, client, isDirect: false);
    }

    [Fact]
    public async Task Writes_UpgradeIsWrapped_GoThroughTheWrapper()
    {
        await using var node = await AppNode.StartAsync(front: static app => app.Use(static (context, next) =>
        {
            context.Features.Set<IHttpUpgradeFeature>(new WrappedUpgrade(context.Features.Get<IHttpUpgradeFeature>()!));
            return next(context);
        }));
        await using var client = await node.ConnectAsync();

        await AssertAsync(node.Hub.Find(client.Id)!, client, isDirect: false);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Writes_OverUnixSocketOfGenericHost_AreDirectWhateverIsRegisteredFirst(bool serverFirst)
    {
        var path = Path.Combine(Path.GetTempPath(), $"ds-{Guid.NewGuid():N}");
        using var host = Build(web => web.UseKestrel(kestrel => kestrel.ListenUnixSocket(path)), serverFirst);
        await host.StartAsync(Cancellation);
        try
        {
            using var handler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, token) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            };
            using var http = new HttpMessageInvoker(handler);
            var webSocket = new ClientWebSocket();
            await webSocket.ConnectAsync(new("ws://localhost/chat"), http, Cancellation).WithinGuardAsync();
            await using var client = new TestClient(webSocket);
            var id = await client.ReceiveTextAsync();

            await AssertAsync(host.Services.GetRequiredService<Hubs>().Get("probe").Find(id)!, client, isDirect: true);
        }
        finally
        {
            await host.StopAsync(Cancellation);
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Writes_OfATestHost_GoThroughItsWebSocket()
    {
        using var host = Build(static web => web.UseTestServer(), serverFirst: false);
        await host.StartAsync(Cancellation);
        using var socket = await host.GetTestServer().CreateWebSocketClient().ConnectAsync(new("ws://localhost/chat"), Cancellation);
        var buffer = new byte[100];
        var received = await socket.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();

        var connection = host.Services.GetRequiredService<Hubs>().Get("probe").Find(Encoding.UTF8.GetString(buffer, 0, received.Count))!;
        await connection.SendAsync("hello", Cancellation);

        received = await socket.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();
        Assert.Equal("hello", Encoding.UTF8.GetString(buffer, 0, received.Count));
        Assert.Null(connection.Queue.Direct);
    }

    [Fact]
    public async Task Transports_OfAnApp_AreMadeOnceAndDisposedOfWithIt()
    {
        var made = new List<Disposed>();
        await using (await AppNode.StartAsync(build: sockets =>
        {
            for (var i = 0; i < 2; i++)
            {
                sockets.Services.AddSingleton<IConnectionListenerFactory>(_ =>
                {
                    var factory = new Disposed();
                    made.Add(factory);
                    return factory;
                });
            }
        }))
        {
            Assert.Equal([false, false], made.Select(static factory => factory.IsDisposed));
        }

        Assert.Equal([true, true], made.Select(static factory => factory.IsDisposed));
    }

    private static IHost Build(Action<IWebHostBuilder> configure, bool serverFirst) => new HostBuilder()
        .ConfigureServices(services => AddSockets(services, !serverFirst))
        .ConfigureWebHost(web =>
        {
            configure(web);
            web.Configure(static app => app.UseRouting().UseEndpoints(static endpoints => endpoints.MapDistributedWebSocket<ProbeHandler>("/chat")));
        })
        .ConfigureServices(services => AddSockets(services, serverFirst))
        .Build();

    private static void AddSockets(IServiceCollection services, bool now)
    {
        if (now)
        {
            services.AddRouting().AddSingleton<ProbeLog>().AddDistributedWebSockets();
        }
    }

    /// <summary>Sends and receives until writes are direct, if they can become so, and once more.</summary>
    private static async Task AssertAsync(Connection connection, TestClient client, bool isDirect)
    {
        await EchoAsync(client); // the platform's client answers pings when it reads
        Assert.Equal(isDirect, connection.Queue.Direct is not null);
        while (isDirect && !connection.Queue.IsDirect)
        {
            await EchoAsync(client);
        }

        await EchoAsync(client);
    }

    private static async Task EchoAsync(TestClient client)
    {
        await client.SendAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
    }

    private sealed class Wrapped(IDuplexPipe transport) : IDuplexPipe
    {
        public PipeReader Input => transport.Input;

        public PipeWriter Output => transport.Output;
    }

    private sealed class WrappedUpgrade(IHttpUpgradeFeature upgrade) : IHttpUpgradeFeature
    {
        public bool IsUpgradableRequest => upgrade.IsUpgradableRequest;

        public Task<Stream> UpgradeAsync() => upgrade.UpgradeAsync();
    }

    private class NeverBinds : IConnectionListenerFactory, IConnectionListenerFactorySelector
    {
        public bool CanBind(EndPoint endpoint) => false;

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException("It was said that this cannot bind.");
    }

    private sealed class Disposed : NeverBinds, IDisposable
    {
        internal bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    /// <summary>Puts pipes of its own before those of Kestrel's connections, whose socket can be seen all the same.</summary>
    private sealed class WrappingTransport(IOptions<SocketTransportOptions> options, ILoggerFactory logs) : IConnectionListenerFactory
    {
        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new Listener(await new SocketTransportFactory(options, logs).BindAsync(endpoint, cancellationToken));

        private sealed class Listener(IConnectionListener listener) : IConnectionListener
        {
            public EndPoint EndPoint => listener.EndPoint;

            public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
            {
                var connection = await listener.AcceptAsync(cancellationToken);
                if (connection is not null)
                {
                    connection.Transport = new Wrapped(connection.Transport);
                    Assert.NotNull(connection.Features.Get<IConnectionSocketFeature>());
                }

                return connection;
            }

            public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => listener.UnbindAsync(cancellationToken);

            public ValueTask DisposeAsync() => listener.DisposeAsync();
        }
    }

    /// <summary>A transport over streams, of which nobody sees a socket.</summary>
    private sealed class StreamTransport : IConnectionListenerFactory
    {
        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
        {
            var listener = new TcpListener((IPEndPoint)endpoint);
            listener.Start();
            return new(new Listener(listener));
        }

        private sealed class Listener(TcpListener listener) : IConnectionListener
        {
            public EndPoint EndPoint => listener.LocalEndpoint;

            public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
            {
                try
                {
                    var stream = new NetworkStream(await listener.AcceptSocketAsync(cancellationToken), ownsSocket: true);
                    return new StreamConnection(stream);
                }
                catch (SocketException) when (!listener.Server.IsBound)
                {
                    return null; // unbound
                }
                catch (ObjectDisposedException)
                {
                    return null;
                }
            }

            public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
            {
                listener.Stop();
                return ValueTask.CompletedTask;
            }

            public ValueTask DisposeAsync() => UnbindAsync();
        }

        private sealed class StreamConnection(NetworkStream stream) : DefaultConnectionContext(
            $"{Guid.NewGuid()}", new Pipes(PipeReader.Create(stream), PipeWriter.Create(stream)), new Pipes(PipeReader.Create(stream), PipeWriter.Create(stream)))
        {
            /// <summary>Cuts the connection here: the base class leaves it to the thread pool, which may come to it when the connection has been disposed of, and throws.</summary>
            public override void Abort(ConnectionAbortedException abortReason) => stream.Dispose();
        }

        private sealed class Pipes(PipeReader input, PipeWriter output) : IDuplexPipe
        {
            public PipeReader Input => input;

            public PipeWriter Output => output;
        }
    }
}

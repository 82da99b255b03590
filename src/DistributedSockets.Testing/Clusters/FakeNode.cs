using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing;

/// <summary>One node of a <see cref="FakeCluster"/>: a whole host with the app in it, without a port.</summary>
public sealed class FakeNode
{
    private const int SeedsApart = 7_919;

    private readonly Pulse _pulse;
    private readonly ClusterCode _code;
    private readonly CrashGate _gate;
    private readonly NodeRecorder _recorder;
    private readonly NodeStore _store;
    private readonly SemaphoreSlim _connecting = new(1);
    private readonly Lock _clientsGate = new();
    private readonly List<FakeClient> _clients = [];
    private readonly TimeSpan _heartbeat;
    private volatile FakeNodeState _state = FakeNodeState.Running;

    private FakeNode(int index, WebApplication app, NodeClock clock, NodeRecorder recorder, CrashGate gate, Pulse pulse, ClusterCode code)
    {
        (Index, App, Clock, _recorder, _gate, _pulse, _code) = (index, app, clock, recorder, gate, pulse, code);
        NodeId = Services.GetRequiredService<NodeInfo>().NodeId;
        Backplane = ((NodeBackplane)Services.GetRequiredService<IBackplane>()).Inner;
        _store = (NodeStore)Services.GetRequiredService<ISessionStore>();
        var sockets = Services.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value;
        _heartbeat = sockets.HeartbeatInterval;
    }

    /// <summary>Its place in <see cref="FakeCluster.Nodes"/>.</summary>
    public int Index { get; }

    /// <summary>Its id in the cluster.</summary>
    public string NodeId { get; }

    /// <summary>What has become of it.</summary>
    public FakeNodeState State => _state;

    /// <summary>The services of its host.</summary>
    public IServiceProvider Services => App.Services;

    /// <summary>The router of the hub "default".</summary>
    public IWebSocketRouter Router => Services.GetRequiredService<IWebSocketRouter>();

    /// <summary>The session store, as this node sees it.</summary>
    public ISessionStore SessionStore => _store;

    /// <summary>What stands between the node and its backplane, to cut it or to make faults.</summary>
    public FaultyBackplane Backplane { get; }

    /// <summary>The sessions that this node told to have started, oldest first.</summary>
    public IReadOnlyList<Session> SessionsStarted => _recorder.Started;

    /// <summary>The sessions that this node told to have ended, oldest first.</summary>
    public IReadOnlyList<SessionEnded> SessionsEnded => _recorder.Ended;

    /// <summary>The possible losses that this node told of, oldest first.</summary>
    public IReadOnlyList<PossibleLoss> PossibleLosses => _recorder.Losses;

    internal WebApplication App { get; }

    internal NodeClock Clock { get; }

    /// <summary>How long a client of a hub can be silent before the node has sent it a ping.</summary>
    internal TimeSpan LongestSilence(string? hub) =>
        Services.GetRequiredService<IOptionsMonitor<HubOptions>>().Get(hub).KeepAliveInterval * 1.25; // pings are looked after at least four times as often

    internal FakeClient[] Clients
    {
        get
        {
            lock (_clientsGate)
            {
                return [.. _clients];
            }
        }
    }

    /// <summary>Whether its heartbeat has been done that was due, and what came of it has been told.</summary>
    internal bool HasDoneWhatIsDue =>
        _state != FakeNodeState.Running || (Clock.GetUtcNow() - _store.LastBeatAt < _heartbeat && _recorder.LostCount >= _store.Ended);

    /// <summary>The router of a handler's hub.</summary>
    /// <typeparam name="THandler">The handler.</typeparam>
    public IWebSocketRouter<THandler> GetRouter<THandler>()
        where THandler : class => Services.GetRequiredService<IWebSocketRouter<THandler>>();

    /// <summary>The router of a hub.</summary>
    /// <param name="hub">The hub's name.</param>
    public IWebSocketRouter GetRouter(string hub) => Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter(hub);

    /// <summary>A client for the app's other endpoints.</summary>
    public HttpClient CreateHttpClient() => App.GetTestClient();

    /// <summary>
    /// Connects a client. When this returns the handshake is done and the session is in the session store, unless that is away; the handler's
    /// <c>OnConnectedAsync</c> may still run.
    /// </summary>
    /// <param name="path">The path, with a query if any, such as <c>/chat?room=red</c>.</param>
    /// <param name="userId">The user, as the name identifier of an authenticated principal; <see langword="null"/> for an anonymous client.</param>
    /// <param name="configure">Changes the handshake.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="HandshakeRefusedException">The app answered with something else than a WebSocket.</exception>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public async Task<FakeClient> ConnectAsync(
        string path, string? userId = null, Action<FakeClientOptions>? configure = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (_state == FakeNodeState.Crashed)
        {
            throw new InvalidOperationException($"Node {Index} was crashed, so nobody can connect to it.");
        }

        var options = new FakeClientOptions();
        if (userId is not null)
        {
            options.User = new(new ClaimsIdentity([new(ClaimTypes.NameIdentifier, userId)], "Fake"));
        }

        configure?.Invoke(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.WindowBytes, 1, nameof(FakeClientOptions.WindowBytes));
        await _connecting.WaitAsync(cancellationToken); // one after the other, so that a new session is known to be this one's
        try
        {
            return await HandshakeAsync(path, options, cancellationToken);
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>Builds and starts a node.</summary>
    internal static async Task<FakeNode> StartAsync(
        int index, FakeClusterOptions options, InMemoryCluster memory, FakeTimeProvider time, Func<string, string> nameForDraw, Pulse pulse, ClusterCode code,
        CancellationToken cancellationToken)
    {
        var (gate, clock) = (new CrashGate(), new NodeClock(time, pulse));
        var recorder = new NodeRecorder(gate, pulse);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseTestServer();
        builder.Services.AddRoutingCore();
        builder.Services.AddDistributedWebSockets(sockets => sockets.NodeName = $"node-{index}");
        options.Apply(builder.Services);
        var sockets = builder.Services.AddDistributedWebSockets().UseInMemory(memory);
        options.Apply(sockets);
        builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));
        var createBackplane = Factory<IBackplane>(builder.Services);
        var createStore = Factory<ISessionStore>(builder.Services);
        var createLog = Factory<IMessageLog>(builder.Services);
        var faults = options.Faults.CopyFor(options.Faults.Seed + (index * SeedsApart), nameForDraw);
        sockets.UseBackplane(provider => new NodeBackplane(new(createBackplane(provider), faults, clock), gate));
        sockets.UseMessageLog(provider => createLog(provider) is var log && log is ISessionRecordStore records ? new NodeRecordLog(log, records, gate) : new NodeMessageLog(log, gate));
        sockets.UseSessionStore(provider => new NodeStore(createStore(provider), gate, clock, pulse));
        builder.Services.AddSingleton<IClusterObserver>(recorder);
        var app = builder.Build();
        try
        {
            app.Use(async (context, next) =>
            {
                code.Enter();
                try
                {
                    await next(context);
                }
                finally
                {
                    context.Features.Get<FakeTransport>()?.EndRequest();
                }
            });
            options.Apply(app);

            await code.RunAsync(() => app.StartAsync(cancellationToken), cancellationToken).WaitAsync(Eventually.Guard, cancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new(index, app, clock, recorder, gate, pulse, code);
    }

    /// <summary>Counts as stopped from now on: its heartbeats are not waited for.</summary>
    internal void SetStopped() => _state = FakeNodeState.Stopped;

    /// <summary>As a kill would: nothing of the node returns, is written or is received from now on, and its clients notice.</summary>
    internal async Task CrashAsync()
    {
        _state = FakeNodeState.Crashed;
        _gate.Crash();
        Clock.Stop(true);
        await Backplane.DisposeAsync(); // the transport notices that the process has gone
        foreach (var client in Clients)
        {
            client.Crash();
        }

        foreach (var client in Clients)
        {
            await client.WaitForEndAsync().WaitAsync(Eventually.Guard);
        }
    }

    /// <summary>Cuts all connections, and lets go of what a killed node waits for.</summary>
    internal async Task ClearAsync()
    {
        _gate.Clear();
        Clock.Stop(false);
        foreach (var client in Clients)
        {
            client.Abort();
            await client.DisposeAsync();
        }
    }

    /// <summary>Creates what was registered last, whatever kind of registration it is.</summary>
    private static Func<IServiceProvider, T> Factory<T>(IServiceCollection services)
        where T : class
    {
        var last = services.Last(static service => service.ServiceType == typeof(T));
        return last switch
        {
            { ImplementationInstance: T instance } => _ => instance,
            { ImplementationFactory: { } factory } => provider => (T)factory(provider),
            { ImplementationType: { } type } => provider => (T)ActivatorUtilities.CreateInstance(provider, type),
            _ => throw new InvalidOperationException($"No {typeof(T).Name} is registered."),
        };
    }

    private async Task<FakeClient> HandshakeAsync(string path, FakeClientOptions options, CancellationToken cancellationToken)
    {
        var transport = new FakeTransport(options.WindowBytes, Clock, _pulse);
        var savedBefore = _store.SavedCount;
        var query = path.IndexOf('?', StringComparison.Ordinal);
        var request = App.GetTestServer().SendAsync(
            context =>
            {
                transport.Context = context;
                context.Request.Method = HttpMethods.Get;
                context.Request.Path = PathString.FromUriComponent(query < 0 ? path : path[..query]);
                context.Request.QueryString = query < 0 ? default : new(path[query..]);
                foreach (var (name, values) in options.Headers)
                {
                    context.Request.Headers[name] = values;
                }

                context.Request.Headers.Connection = "Upgrade";
                context.Request.Headers.Upgrade = "websocket";
                context.Request.Headers.SecWebSocketVersion = "13";
                context.Request.Headers.SecWebSocketKey = Convert.ToBase64String(Guid.NewGuid().ToByteArray());
                if (options.SubProtocols.Count > 0)
                {
                    context.Request.Headers.SecWebSocketProtocol = string.Join(", ", options.SubProtocols);
                }

                context.User = options.User;
                context.Connection.RemoteIpAddress = options.RemoteIpAddress;
                context.Features.Set(transport);
                context.Features.Set<Microsoft.AspNetCore.Http.Features.IHttpUpgradeFeature>(transport);
                context.Features.Set<Microsoft.AspNetCore.Http.Features.IHttpRequestLifetimeFeature>(transport);
            },
            CancellationToken.None);
        await Task.WhenAny(transport.Accepted, request).WaitAsync(Eventually.Guard, cancellationToken);
        if (!transport.Accepted.IsCompleted)
        {
            var context = await request;
            using var reader = new StreamReader(context.Response.Body);
            throw new HandshakeRefusedException(context.Response.StatusCode, await reader.ReadToEndAsync(cancellationToken));
        }

        _ = request.ContinueWith(static failed => failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        var client = new FakeClient(this, transport, await transport.Accepted, _pulse, _code);
        lock (_clientsGate)
        {
            _clients.RemoveAll(static old => !old.IsOpen && old.IsServerDone);
            _clients.Add(client);
        }

        await _pulse.WaitUntilAsync(
            () => _store.SavedCount > savedBefore || _store.IsFailing || _state == FakeNodeState.Crashed || !client.IsOpen,
            () => "the session of a new connection is in the session store",
            cancellationToken);
        if (_store.SavedAfter(savedBefore) is { } session)
        {
            client.ConnectionId = session.ConnectionId;
            client.LongestSilence = LongestSilence(session.Hub);
        }

        return client;
    }
}

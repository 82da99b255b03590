using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using DistributedSockets.Testing;

namespace DistributedSockets.Docs.Tests;

/// <summary>A node that is handed bytes as its backplane would, clear or sealed, and what it makes of them.</summary>
internal sealed class ReceivingNode : IAsyncDisposable, IBackplaneReceiver
{
    private const string Hub = "chat";
    private const string Sender = "node-a"; // of most vectors; the others wait for no answer

    private readonly IHost _host;
    private readonly InMemoryBackplane _sender;
    private readonly EnvelopeKeyRing? _keys;
    private readonly EnvelopeOpener? _opener;
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<string> _dropped = new();
    private readonly ConcurrentQueue<(Guid RequestId, RemoteCommandOutcome Outcome)> _replies = new();
    private long _ignored;
    private long _possibleLosses;

    private ReceivingNode(bool seals)
    {
        var cluster = new InMemoryCluster();
        var key = Convert.ToBase64String(new byte[32]);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDistributedWebSockets(options =>
        {
            options.Lanes = 1; // one order for all that is received
            if (seals)
            {
                options.EnvelopeKeys.Add(key);
            }
        }).UseInMemory(cluster);
        _host = builder.Build();
        _sender = new(cluster);
        if (seals)
        {
            var options = _host.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<DistributedWebSocketsOptions>>();
            _keys = new(options);
            _opener = new(_keys, new(_keys, TimeProvider.System), options, EnvelopeKnowledge.Current, TimeProvider.System);
        }

        var meters = _host.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>(OnMeasured);
        _listener.Start();
    }

    /// <summary>The reasons that were counted, one for each envelope that was not delivered.</summary>
    internal IEnumerable<string> Dropped => _dropped;

    internal long Ignored => Interlocked.Read(ref _ignored);

    internal long PossibleLosses => Interlocked.Read(ref _possibleLosses);

    /// <summary>What the node has answered.</summary>
    internal IEnumerable<RemoteCommandOutcome> Replies => _replies.Select(static reply => reply.Outcome);

    private HubConnections Connections => _host.Services.GetRequiredService<Hubs>().Get(Hub);

    internal static async Task<ReceivingNode> StartAsync(bool seals)
    {
        var node = new ReceivingNode(seals);
        await node._host.StartAsync(TestContext.Current.CancellationToken);
        await node._sender.StartAsync(node, TestContext.Current.CancellationToken);
        await node._sender.SubscribeAsync(node.Connections.NodeChannel(Sender), TestContext.Current.CancellationToken);
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(TestContext.Current.CancellationToken);
        _host.Dispose();
        _listener.Dispose();
        await _sender.DisposeAsync();
    }

    /// <summary>Hands over one envelope, and waits until it has been acted on: until the answer to a later one is here.</summary>
    internal async Task ReceiveAsync(byte[] envelope)
    {
        Receive(envelope);
        var question = Guid.NewGuid();
        Receive(new EnvelopeWriter(Sender).WriteCommand(question, new(RemoteCommandKind.Find, "nobody"), out var length)[..length]);
        await Eventually.TrueAsync(() => _replies.Any(reply => reply.RequestId == question), "a later command is answered");
        var others = _replies.Where(reply => reply.RequestId != question).ToArray();
        _replies.Clear();
        foreach (var reply in others)
        {
            _replies.Enqueue(reply);
        }
    }

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        var verdict = _opener is null ? Envelope.Read(payload, EnvelopeKnowledge.Current, out var envelope) : _opener.Open(channel, 1, payload, out envelope);
        Assert.Equal(EnvelopeVerdict.Taken, verdict);
        Assert.True(envelope.Body().TryReadReply(out var requestId, out var answer));
        _replies.Enqueue((requestId, answer.Outcome));
    }

    public void OnUnavailable(Exception? cause)
    {
    }

    public void OnAvailable()
    {
    }

    public void OnPossibleLoss(string description)
    {
    }

    private void Receive(byte[] envelope)
    {
        // Sealed by a process of its own each, as one process has one origin.
        var channel = Connections.AllChannel;
        var payload = _keys is null ? envelope : new EnvelopeSealer(_keys, TimeProvider.System).Seal(channel, envelope, out var length)[..length];
        _host.Services.GetRequiredService<EnvelopeSorter>().OnReceived(channel, payload);
    }

    private void OnMeasured(Instrument instrument, long measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        switch (instrument.Name)
        {
            case "distributed_sockets.backplane.dropped_envelopes":
                _dropped.Enqueue((string)tags[0].Value!); // the reason, the only tag
                break;
            case "distributed_sockets.backplane.ignored_envelopes":
                Interlocked.Add(ref _ignored, measurement);
                break;
            case "distributed_sockets.possible_losses":
                Interlocked.Add(ref _possibleLosses, measurement);
                break;
        }
    }
}

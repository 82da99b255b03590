using System.Text.Json;
using System.Threading.Channels;

namespace DistributedSockets.ClusterTests;

/// <summary>A client of a test node that keeps what happens to it, in order.</summary>
internal abstract class TestClient : IAsyncDisposable
{
    private readonly Channel<ClientEvent> _events = Channel.CreateUnbounded<ClientEvent>();

    public string ConnectionId { get; private set; } = "";

    public string NodeId { get; private set; } = "";

    /// <summary>How many messages have come in.</summary>
    public int Received => Volatile.Read(ref _received);

    private int _received;

    public abstract Task SendAsync(string text);

    public abstract ValueTask DisposeAsync();

    /// <summary>Asks the node who this client is: the answer comes when the joins of the handshake are made. What comes before it is skipped.</summary>
    public async Task IdentifyAsync()
    {
        await SendAsync("W");
        var (_, text, _, _) = await SkipToAsync(static next => next.Text.StartsWith("{\"connectionId\"", StringComparison.Ordinal));
        using var answer = JsonDocument.Parse(text);
        ConnectionId = answer.RootElement.GetProperty("connectionId").GetString()!; // part of the test node's interface
        NodeId = answer.RootElement.GetProperty("node").GetString()!; // likewise
    }

    /// <summary>Takes the next event.</summary>
    public async Task<ClientEvent> NextAsync() =>
        await _events.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().Guarded("the next event of a client");

    /// <summary>Takes the next event that is no ping: a node pings whenever a connection has been silent for a while.</summary>
    public async Task<ClientEvent> NextButPingAsync()
    {
        while (true)
        {
            if (await NextAsync() is { Kind: not "ping" } next)
            {
                return next;
            }
        }
    }

    /// <summary>Takes the next event, apart from pings, which must be a text message.</summary>
    public async Task<string> TextAsync()
    {
        var next = await NextButPingAsync();
        Assert.Equal("text", next.Kind);
        return next.Text;
    }

    /// <summary>Takes the next event, apart from pings, which must be this text message, so many times over: nothing came before it.</summary>
    public async Task ExpectAsync(string text, int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.Equal(new ClientEvent("text", text), await NextButPingAsync());
        }
    }

    /// <summary>Takes events up to the first that is wanted.</summary>
    public async Task<ClientEvent> SkipToAsync(Func<ClientEvent, bool> isWanted)
    {
        while (true)
        {
            var next = await NextAsync();
            if (isWanted(next))
            {
                return next;
            }

            Assert.False(next.Kind == "close", $"The connection was closed with {next.Code} {next.Text}.");
        }
    }

    /// <summary>Waits for the end, over what else comes before it.</summary>
    public async Task<ClientEvent> CloseEventAsync()
    {
        while (true)
        {
            if (await NextAsync() is { Kind: "close" } close)
            {
                return close;
            }
        }
    }

    /// <summary>Sends and expects the answer.</summary>
    public async Task AskAsync(string text, string answer)
    {
        await SendAsync(text);
        await ExpectAsync(answer);
    }

    protected void Happened(ClientEvent happened)
    {
        if (happened.Kind is "text" or "binary")
        {
            Interlocked.Increment(ref _received);
        }

        _events.Writer.TryWrite(happened);
    }
}

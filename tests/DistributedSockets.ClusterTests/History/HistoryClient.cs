using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace DistributedSockets.ClusterTests;

/// <summary>A client that sends numbered messages, writes down all it sees, and connects again when its connection ends.</summary>
/// <param name="load">The load that it is a part of.</param>
/// <param name="index">Which one it is.</param>
/// <param name="user">Its user.</param>
/// <param name="groups">Its groups.</param>
/// <param name="resumes">Whether it goes on with its session.</param>
/// <param name="blinks">Whether it cuts its connection every second or so.</param>
internal sealed class HistoryClient(HistoryLoad load, int index, string user, string[] groups, bool resumes, bool blinks)
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    private readonly HistorySession? _session = resumes ? new() : null;

    private readonly Random _random = new(HashCode.Combine(load.Settings.Seed, index));
    private readonly ConcurrentDictionary<int, HistorySend> _unanswered = new();
    private readonly Dictionary<(string Sender, HistoryTarget Target), int> _numbers = []; // which go on where a session does
    private int _lastAsked;
    private int _connections;
    private int _resumed;

    /// <summary>Whether it cuts its connection every second or so.</summary>
    public bool Blinks => blinks;

    /// <summary>How often it has gone on with its session.</summary>
    public int Resumed => Volatile.Read(ref _resumed);

    /// <summary>The close code of each connection that the server ended.</summary>
    public ConcurrentQueue<int> CloseCodes { get; } = new();

    /// <summary>How many sends have no answer yet.</summary>
    public int Unanswered => _unanswered.Count;

    /// <summary>Connects again and again, until the load ends.</summary>
    public async Task RunAsync()
    {
        while (!load.Ended.IsCancellationRequested)
        {
            using var socket = new ClientWebSocket();
            socket.Options.KeepAliveInterval = TimeSpan.Zero;
            _session?.Offer(socket.Options);
            if (await ConnectAsync(socket) is { } self)
            {
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(load.Stopped);
                var sending = SendAsync(socket, self, ended.Token);
                var blinking = blinks ? BlinkAsync(socket, ended.Token) : Task.CompletedTask;
                await ReceiveAsync(socket, self);
                await ended.CancelAsync();
                await sending;
                await blinking;
                foreach (var (asked, send) in _unanswered)
                {
                    send.Ended = DateTimeOffset.UtcNow; // nobody will tell what came of it, and until now it may have been on its way
                    _unanswered.TryRemove(asked, out _);
                }

                if (!load.Ended.IsCancellationRequested)
                {
                    CloseCodes.Enqueue((int?)socket.CloseStatus ?? 1006);
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(blinks ? _random.Next(100) : _random.Next(50, 500)), load.Ended).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private async Task<HistoryReceiver?> ConnectAsync(ClientWebSocket socket)
    {
        if (NextNode() is not { } node)
        {
            return null;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(load.Ended);
        patience.CancelAfter(ConnectPatience);
        try
        {
            await socket.ConnectAsync(node.Endpoint(user, string.Join(',', groups)), patience.Token);
            if (_session is not null)
            {
                var before = _session.Self;
                if (await TextAsync(socket, patience.Token) is not { } first)
                {
                    return null;
                }

                if (!_session.TryBegin(first) && before is not null)
                {
                    before.IsLost = true;
                    load.Closed(before);
                }
            }

            await socket.SendAsync(Message("W"), WebSocketMessageType.Text, true, patience.Token);
            var early = new List<(string, long)>();
            while (await TextAsync(socket, patience.Token) is { } received)
            {
                if (Open(received, out var inSession) is not { } text)
                {
                    continue;
                }

                if (text.StartsWith("{\"connectionId\"", StringComparison.Ordinal))
                {
                    using var who = JsonDocument.Parse(text);
                    var nodeId = who.RootElement.GetProperty("node").GetString()!; // part of the test node's interface
                    if (_session?.Self is { } resumed)
                    {
                        resumed.NodeId = nodeId;
                        Interlocked.Increment(ref _resumed);
                        return resumed;
                    }

                    var self = new HistoryReceiver(
                        who.RootElement.GetProperty("connectionId").GetString()!, // likewise
                        nodeId,
                        user,
                        groups,
                        DateTimeOffset.UtcNow) { Resumes = resumes };
                    load.Opened(self);
                    _session?.Self = self;
                    foreach (var (message, number) in early)
                    {
                        Take(self, message, number);
                    }

                    return self;
                }

                if (_session?.Self is { } known)
                {
                    Take(known, text, inSession); // it has its number now, and will not come again
                }
                else if (text.StartsWith("error g ", StringComparison.Ordinal))
                {
                    return null; // it is not in all its groups: better to try again
                }
                else
                {
                    early.Add((text, inSession));
                }
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or HttpRequestException or IOException)
        {
            // The node is away, or going.
        }

        return null;
    }

    /// <summary>Spread evenly at first, later by chance.</summary>
    private TestNodeProcess? NextNode()
    {
        var nodes = load.Nodes;
        var next = blinks ? index + _connections : _connections == 0 ? index : _random.Next(nodes.Count);
        _connections++;
        return nodes.Count == 0 ? null : nodes[next % nodes.Count];
    }

    private async Task SendAsync(ClientWebSocket socket, HistoryReceiver self, CancellationToken cancellationToken)
    {
        try
        {
            using var pace = new PeriodicTimer(TimeSpan.FromSeconds((double)load.Settings.Clients / load.Settings.SendsPerSecond));
            while (await pace.WaitForNextTickAsync(cancellationToken))
            {
                if (_session?.Acknowledge() is { } acknowledgement)
                {
                    await socket.SendAsync(Encoding.ASCII.GetBytes(acknowledgement), WebSocketMessageType.Text, true, CancellationToken.None);
                }

                var target = load.NextTarget(_random);
                var number = _numbers[(self.ConnectionId, target)] = _numbers.GetValueOrDefault((self.ConnectionId, target), -1) + 1;
                var asked = ++_lastAsked;
                var padding = new string((char)('a' + (number % 26)), _random.Next(load.Settings.MaxPadding + 1));
                var operation = target.Kind == 'B' ? "B" : $"{target} ";
                var send = _unanswered[asked] = new(self.ConnectionId, target, number, DateTimeOffset.UtcNow) { IsLogged = load.Settings.Logged && target.MayBeLogged, NodeId = self.NodeId };
                load.History.Add(send);
                var text = $"A{asked} {operation}m {self.ConnectionId} {target} {number} {send.Began.UtcTicks} {padding}";
                await socket.SendAsync(Message(text), WebSocketMessageType.Text, true, CancellationToken.None);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or WebSocketException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // Told to stop, or the connection ended: the receiving side knows how.
        }
    }

    private async Task ReceiveAsync(ClientWebSocket socket, HistoryReceiver self)
    {
        try
        {
            while (await TextAsync(socket, load.Ended) is { } received)
            {
                if (Open(received, out var inSession) is { } text)
                {
                    Take(self, text, inSession);
                }
            }

            if (socket.State == WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, load.Ended);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            // Cut, also by itself, or the load has ended.
        }

        if (!load.Ended.IsCancellationRequested && !resumes)
        {
            load.Closed(self);
        }
    }

    private async Task BlinkAsync(ClientWebSocket socket, CancellationToken ended)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(500, 1_500)), ended).ContinueWith(static _ => { }, TaskScheduler.Default);
        if (!ended.IsCancellationRequested)
        {
            socket.Abort();
        }
    }

    /// <summary>What a client says, as its subprotocol has it.</summary>
    private byte[] Message(string text) => Encoding.UTF8.GetBytes(resumes ? $"u\n{text}" : text);

    /// <summary>The app's part of what came, and the number that it has in the session; nothing if the subprotocol said it for itself.</summary>
    private string? Open(string received, out long inSession)
    {
        inSession = 0;
        if (_session is null)
        {
            return received;
        }

        var text = _session.Read(received, out inSession, out var isGap);
        if (isGap && _session.Self is { } self && _session.IsNews(_connections))
        {
            self.Gaps++;
        }

        return text;
    }

    private void Take(HistoryReceiver self, string text, long inSession)
    {
        var parts = text.Split(' ', 6);
        switch (parts[0])
        {
            case "m":
                load.Got(self, new(self.ConnectionId, parts[1], HistoryTarget.Parse(parts[2]), int.Parse(parts[3], null), inSession), long.Parse(parts[4], null));
                break;
            case "ok":
                Answer(parts[1], HistoryOutcome.Accepted);
                break;
            case "error" when parts[1] != "g": // a session that goes on is in its groups, whatever comes of joining them again
                Answer(parts[1], HistoryOutcome.Refused);
                break;
            case "unknown":
                Answer(parts[1], HistoryOutcome.Unknown);
                break;
        }
    }

    private void Answer(string asked, HistoryOutcome outcome)
    {
        if (_unanswered.TryRemove(int.Parse(asked.AsSpan(1), null), out var send))
        {
            send.Ended = DateTimeOffset.UtcNow;
            send.Outcome = outcome;
        }
    }

    private static async Task<string?> TextAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        var length = 0;
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            length += result.Count;
            if (result.EndOfMessage)
            {
                return Encoding.UTF8.GetString(buffer, 0, length);
            }
        }
    }
}

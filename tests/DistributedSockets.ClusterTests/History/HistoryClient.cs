using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace DistributedSockets.ClusterTests;

/// <summary>A client that sends numbered messages, writes down all it sees, and connects again when its connection ends.</summary>
internal sealed class HistoryClient(HistoryLoad load, int index, string user, string[] groups)
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    private readonly Random _random = new(HashCode.Combine(load.Settings.Seed, index));
    private readonly ConcurrentDictionary<int, HistorySend> _unanswered = new();
    private int _lastAsked;
    private int _connections;

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
            if (await ConnectAsync(socket) is { } self)
            {
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(load.Stopped);
                var sending = SendAsync(socket, self, ended.Token);
                await ReceiveAsync(socket, self);
                await ended.CancelAsync();
                await sending;
                _unanswered.Clear(); // nobody will tell
                if (!load.Ended.IsCancellationRequested)
                {
                    CloseCodes.Enqueue((int?)socket.CloseStatus ?? 1006);
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 500)), load.Ended).ContinueWith(static _ => { }, TaskScheduler.Default);
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
            await socket.SendAsync("W"u8.ToArray(), WebSocketMessageType.Text, true, patience.Token);
            var early = new List<string>();
            while (await TextAsync(socket, patience.Token) is { } text)
            {
                if (text.StartsWith("{\"connectionId\"", StringComparison.Ordinal))
                {
                    using var who = JsonDocument.Parse(text);
                    var self = new HistoryReceiver(
                        who.RootElement.GetProperty("connectionId").GetString()!, // part of the test node's interface
                        who.RootElement.GetProperty("node").GetString()!, // likewise
                        user,
                        groups,
                        DateTimeOffset.UtcNow);
                    load.Opened(self);
                    foreach (var message in early)
                    {
                        Take(self, message);
                    }

                    return self;
                }

                if (text.StartsWith("error g ", StringComparison.Ordinal))
                {
                    return null; // it is not in all its groups: better to try again
                }

                early.Add(text);
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
        return nodes.Count == 0 ? null : nodes[(_connections++ == 0 ? index : _random.Next(nodes.Count)) % nodes.Count];
    }

    private async Task SendAsync(ClientWebSocket socket, HistoryReceiver self, CancellationToken cancellationToken)
    {
        var numbers = new Dictionary<HistoryTarget, int>();
        try
        {
            using var pace = new PeriodicTimer(TimeSpan.FromSeconds((double)load.Settings.Clients / load.Settings.SendsPerSecond));
            while (await pace.WaitForNextTickAsync(cancellationToken))
            {
                var target = load.NextTarget(_random);
                var number = numbers[target] = numbers.GetValueOrDefault(target, -1) + 1;
                var asked = ++_lastAsked;
                var padding = new string((char)('a' + (number % 26)), _random.Next(load.Settings.MaxPadding + 1));
                var operation = target.Kind == 'B' ? "B" : $"{target} ";
                var send = _unanswered[asked] = new(self.ConnectionId, target, number, DateTimeOffset.UtcNow) { IsLogged = load.Settings.Logged && target.MayBeLogged };
                load.History.Add(send);
                var text = $"A{asked} {operation}m {self.ConnectionId} {target} {number} {send.Began.UtcTicks} {padding}";
                await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);
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
            while (await TextAsync(socket, load.Ended) is { } text)
            {
                Take(self, text);
            }

            if (socket.State == WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, load.Ended);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException)
        {
            // Cut, or the load has ended.
        }

        if (!load.Ended.IsCancellationRequested)
        {
            load.Closed(self);
        }
    }

    private void Take(HistoryReceiver self, string text)
    {
        var parts = text.Split(' ', 6);
        switch (parts[0])
        {
            case "m":
                load.Got(self, new(self.ConnectionId, parts[1], HistoryTarget.Parse(parts[2]), int.Parse(parts[3], null)), long.Parse(parts[4], null));
                break;
            case "ok":
                Answer(parts[1], HistoryOutcome.Accepted);
                break;
            case "error":
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

using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Resume;

/// <summary>Two nodes over Redis, of which one has all the clients, who acknowledge once a second what is sent to their groups through the other; and then it is killed.</summary>
internal sealed class ResumeLoad : IAsyncDisposable
{
    private const int OfARoom = 10;
    private const int ConnectingAtOnce = 100;
    private const int EveryonePerSecond = 1;
    private const int RoomsPerSecond = 200;
    private const int Everyone = 0;
    private const int Room = 1;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly RedisServer _redis;
    private readonly ServerNode[] _nodes;
    private readonly ResumingClient[] _clients;
    private readonly CancellationTokenSource _stopped = new(); // no more is sent
    private readonly CancellationTokenSource _ended = new();
    private readonly HttpClient _http = new();
    private readonly long[] _sent; // to everyone, and then by room
    private Task _running = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;

    private ResumeLoad(RedisServer redis, ServerNode[] nodes, int clients)
    {
        (_redis, _nodes) = (redis, nodes);
        _clients = [.. Enumerable.Range(0, clients).Select(static i => new ResumingClient($"user{i}", $"everyone,room{i / OfARoom}", i))];
        _sent = new long[1 + ((clients + OfARoom - 1) / OfARoom)];
    }

    private int Rooms => _sent.Length - 1;

    /// <summary>Starts nodes, and returns when all clients are in their groups.</summary>
    public static async Task<ResumeLoad> StartAsync(RedisServer redis, int clients)
    {
        await redis.CommandAsync("FLUSHALL");
        var nodes = await Task.WhenAll(Enumerable.Range(0, 2).Select(number => ServerNode.StartAsync(Peer.Ours, number, redis.EndPoint, compressed: false, logged: true, resumable: true)));
        var load = new ResumeLoad(redis, nodes, clients);
        var running = new List<Task>(clients);
        foreach (var some in load._clients.Chunk(ConnectingAtOnce))
        {
            running.AddRange(some.Select(client => Task.Run(() => client.RunAsync(nodes[0].EndPoint, nodes[1].EndPoint, load._ended.Token))));
            await Task.WhenAll(some.Select(static client => client.IsReady)).WaitAsync(s_patience);
        }

        load._running = Task.WhenAll(running);
        load._sending = Task.WhenAll(
            load.RepeatAsync(1, load.AcknowledgeAllAsync),
            load.RepeatAsync(EveryonePerSecond, () => load.SendAsync(0)),
            load.RepeatAsync(RoomsPerSecond, () => load.SendAsync(1 + Random.Shared.Next(load.Rooms))));
        return load;
    }

    /// <summary>Kills the node of the clients, and waits until all are back and have everything.</summary>
    public async Task<ResumeResult> KillAsync()
    {
        var (node, redis, client) = (_nodes[1].CpuSeconds, ProcessUsage.CpuSeconds(_redis.ProcessId), ProcessUsage.CpuSeconds(Environment.ProcessId));
        var killed = Stopwatch.GetTimestamp();
        await _nodes[0].KillAsync();
        await UntilAsync(static client => client.BackAt > 0, "are back");
        var last = Volatile.Read(ref _sent[0]);
        await UntilAsync(client => client.Last(Everyone) >= last, "have caught up");
        var caughtUp = Stopwatch.GetElapsedTime(killed).TotalSeconds;
        (node, redis, client) = (_nodes[1].CpuSeconds - node, ProcessUsage.CpuSeconds(_redis.ProcessId) - redis, ProcessUsage.CpuSeconds(Environment.ProcessId) - client);

        // What is under way at the end arrives, too.
        await _stopped.CancelAsync();
        await _sending;
        await UntilAsync((client, index) => client.Last(Everyone) == _sent[0] && client.Last(Room) == _sent[1 + (index / OfARoom)], "have everything");
        double[] back = [.. _clients.Select(client => Stopwatch.GetElapsedTime(killed, client.BackAt).TotalSeconds).Order()];
        return new()
        {
            BackP50 = back[back.Length / 2],
            BackP99 = back[back.Length * 99 / 100],
            BackAll = back[^1],
            CaughtUp = caughtUp,
            ToldToWait = _clients.Sum(static client => client.ToldToWait),
            NodeCpuSeconds = node,
            RedisCpuSeconds = redis,
            ClientCpuSeconds = client,
            Repeats = _clients.Sum(static client => client.Repeats),
            Missing = _clients.Select((client, index) => client.Missing + _sent[0] - client.Last(Everyone) + _sent[1 + (index / OfARoom)] - client.Last(Room)).Sum(),
            Wrong = _clients.Sum(static client => client.Wrong + client.Lost),
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _sending;
        await _ended.CancelAsync();
        await _running;
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        _http.Dispose();
        _stopped.Dispose();
        _ended.Dispose();
    }

    private Task UntilAsync(Func<ResumingClient, bool> condition, string what) => UntilAsync((client, _) => condition(client), what);

    /// <summary>Waits until a condition holds for all clients, or for as long as is reasonable: what is missing then is counted.</summary>
    private async Task UntilAsync(Func<ResumingClient, int, bool> condition, string what)
    {
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < _clients.Length; await Task.Delay(5))
        {
            while (i < _clients.Length && condition(_clients[i], i))
            {
                i++;
            }

            if (Stopwatch.GetElapsedTime(started) > s_patience)
            {
                await Console.Error.WriteLineAsync($"After {s_patience} not all clients {what}.");
                return;
            }
        }
    }

    private async Task RepeatAsync(int perSecond, Func<Task> action)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / perSecond));
        try
        {
            while (await timer.WaitForNextTickAsync(_stopped.Token))
            {
                await action();
            }
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
        }
    }

    private Task AcknowledgeAllAsync()
    {
        foreach (var client in _clients)
        {
            client.Acknowledge();
        }

        return Task.CompletedTask;
    }

    private async Task SendAsync(int flow)
    {
        var number = _sent[flow] + 1;
        var (group, kind) = flow == 0 ? ("everyone", Everyone) : ($"room{flow - 1}", Room);
        using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{kind} {number}")));
        content.Headers.ContentType = new MediaTypeHeaderValue("text/plain");
        using var answer = await _http.PostAsync(new Uri($"http://{_nodes[1].EndPoint}/send/group/{group}"), content);
        answer.EnsureSuccessStatusCode();
        Volatile.Write(ref _sent[flow], number);
    }
}

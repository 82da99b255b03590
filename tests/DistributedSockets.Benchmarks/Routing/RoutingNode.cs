using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.Json;
using DistributedSockets.Benchmarks.Micro;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>
/// A process with one node, whose connections lead nowhere; each line of standard input is a command, answered by a
/// <see cref="RoutingAnswer"/>. A group has one member, and a connection is in 100 groups, so that many groups need few connections.
/// </summary>
internal sealed class RoutingNode : IDisposable
{
    private const int GroupsPerConnection = 100;
    private const int AtOnce = 16;

    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(50);

    /// <summary>How long the server may take here: many processes share a few processors and ask for all they can.</summary>
    private static readonly TimeSpan s_overload = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_arrival = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly WebSocketMessage _message = WebSocketMessage.Text(new string('x', 128));
    private readonly MicroNode _node;
    private readonly ChannelSubscriptions _subscriptions;
    private readonly NodeHealth _health;
    private readonly MeterListener _listener = new();
    private readonly Dictionary<int, Connection> _connections = [];
    private readonly bool _isInterest;
    private long _received;
    private long _delivered;
    private long _heapBytes;
    private string _name = "";
    private int _from;
    private int _to;

    private RoutingNode(RoutingServer over, string endPoint, string strategy)
    {
        _isInterest = strategy == RoutingStrategies.Interest;
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Name is "distributed_sockets.backplane.received_envelopes" or "distributed_sockets.sent_frames")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
            Interlocked.Add(ref instrument.Name == "distributed_sockets.sent_frames" ? ref _delivered : ref _received, value));
        _listener.Start();
        _node = new(
            static options => (options.UnsubscribeDelay, options.RemoteCommandTimeout) = (TimeSpan.Zero, s_overload),
            sockets =>
            {
                over.UseBackplane(sockets, endPoint, s_overload);
                sockets.ConfigureCluster(common => common.Routing = RoutingStrategies.Get(strategy));
                sockets.Services.AddLogging(static logging => logging
                    .SetMinimumLevel(LogLevel.Warning)
                    .AddConsole(static console => console.LogToStandardErrorThreshold = LogLevel.Trace)); // such as an outage, which spoils a run
            });
        _subscriptions = _node.Services.GetRequiredService<ChannelSubscriptions>();
        _health = _node.Services.GetRequiredService<NodeHealth>();
    }

    public static async Task<int> RunAsync(RoutingServer over, string endPoint, string strategy)
    {
        using var node = new RoutingNode(over, endPoint, strategy);
        await node._subscriptions.AcquireAsync(node._node.Hub.AllChannel, keep: true); // as the first connection does
        await node._subscriptions.AcquireAsync(node._node.Hub.OwnChannel, keep: true);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ');
            var times = await node.DoAsync(words[0], words[1..]);
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(node.Answer(times)));
        }

        return 0;
    }

    public void Dispose()
    {
        _node.Dispose();
        _listener.Dispose();
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Group(string name, int number) => $"group-{name}-{number}";

    private RoutingAnswer Answer(double[] times) => new(
        Environment.CpuUsage.TotalTime.TotalSeconds,
        Volatile.Read(ref _received),
        Volatile.Read(ref _delivered),
        _subscriptions.Count,
        _heapBytes,
        times);

    private async Task<double[]> DoAsync(string command, string[] values)
    {
        switch (command)
        {
            case "name":
                _name = values[0];
                return [];
            case "join":
                await JoinAsync(Number(values[0]));
                return [];
            case "time":
                return await TimeJoinsAsync(Number(values[0]));
            case "churn":
                await ChurnAsync(Number(values[0]));
                return [];
            case "send":
                var groups = Targets(Number(values[0]), values[1..]);
                await ManyAsync(groups.Length, i => SendOneAsync(groups[i]));
                return [];
            case "pace":
                await PaceAsync(Number(values[0]), Targets(Number(values[1]), values[2..]));
                return [];
            case "await":
                await TryUntilAsync(() => Volatile.Read(ref _received) >= Number(values[0]), s_arrival); // what is missing is counted
                return [];
            case "collect":
                Collect();
                await TryUntilAsync(() => !_health.IsBackplaneAway, s_patience);
                return [];
            default:
                throw new FormatException($"There is no command {command}.");
        }
    }

    /// <summary>Joins so many groups more, several at once.</summary>
    private async Task JoinAsync(int count)
    {
        var from = _to;
        for (var number = from; number < from + count; number++)
        {
            ConnectionOf(number);
        }

        await ManyAsync(count, i => JoinOneAsync(from + i));
        _to = from + count;
    }

    /// <summary>Joins groups one after the other, and leaves them again.</summary>
    private async Task<double[]> TimeJoinsAsync(int count)
    {
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            ConnectionOf(_to + i);
            var started = Stopwatch.GetTimestamp();
            await JoinOneAsync(_to + i);
            times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        for (var i = 0; i < count; i++)
        {
            await LeaveOneAsync(_to + i);
        }

        await SettleAsync();
        return times;
    }

    /// <summary>Leaves the oldest groups and joins new ones, until the server knows of it.</summary>
    private async Task ChurnAsync(int count)
    {
        for (var done = 0; done < count;)
        {
            var (from, to) = (_from, _to);
            var some = Math.Min(count - done, to - from);
            for (var number = to; number < to + some; number++)
            {
                ConnectionOf(number);
            }

            await ManyAsync(some, async i =>
            {
                await LeaveOneAsync(from + i);
                await JoinOneAsync(to + i);
            });
            (_from, _to) = (from + some, to + some);
            done += some;
        }

        await SettleAsync();
        foreach (var number in _connections.Keys.Where(number => (number + 1) * GroupsPerConnection <= _from).ToArray())
        {
            _connections.Remove(number, out var connection);
            _node.Hub.Remove(connection!); // it was there
        }
    }

    /// <summary>Random groups of the other nodes, in turn.</summary>
    private string[] Targets(int count, string[] others)
    {
        var random = new Random(count);
        var (from, to) = (_from, _to); // the same on every node
        var groups = new string[count];
        for (var i = 0; i < count; i++)
        {
            groups[i] = Group(others[i % others.Length], random.Next(from, to));
        }

        return groups;
    }

    private async Task SendOneAsync(string group)
    {
        try
        {
            await _node.Router.SendAsync(WebSocketTarget.Group(group), _message);
        }
        catch (BackplaneUnavailableException)
        {
            // It is missing where it should arrive, and counted there.
        }
    }

    /// <summary>Sends so many a second, one at a time.</summary>
    private async Task PaceAsync(int rate, string[] groups)
    {
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < groups.Length; i++)
        {
            var early = TimeSpan.FromSeconds(i / (double)rate) - Stopwatch.GetElapsedTime(started);
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early);
            }

            await SendOneAsync(groups[i]);
        }
    }

    private void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        _heapBytes = GC.GetTotalMemory(forceFullCollection: false);
    }

    private Connection ConnectionOf(int number)
    {
        if (!_connections.TryGetValue(number / GroupsPerConnection, out var connection))
        {
            connection = _node.Create();
            _connections.Add(number / GroupsPerConnection, connection);
            _node.Hub.Add(connection);
        }

        return connection;
    }

    private async Task JoinOneAsync(int number)
    {
        var id = _connections[number / GroupsPerConnection].Id;
        for (var started = Stopwatch.GetTimestamp(); ; await Task.Delay(s_poll))
        {
            try
            {
                await _node.Router.AddToGroupAsync(id, Group(_name, number));
                return;
            }
            catch (BackplaneUnavailableException) when (Stopwatch.GetElapsedTime(started) < s_patience)
            {
                // The machine is so busy that the backplane took its connection for lost.
            }
        }
    }

    private Task LeaveOneAsync(int number) =>
        _node.Router.RemoveFromGroupAsync(_connections[number / GroupsPerConnection].Id, Group(_name, number)).AsTask();

    /// <summary>Waits until what nobody needs any more is given up.</summary>
    private async Task SettleAsync()
    {
        if (!await TryUntilAsync(() => _subscriptions.Count <= 2 + (_isInterest ? _to - _from : 0), s_patience))
        {
            throw new TimeoutException($"{_subscriptions.Count} channels are subscribed or needed after {s_patience}.");
        }
    }

    private static async Task ManyAsync(int count, Func<int, Task> one)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
            {
                await one(i);
            }
        }));
    }

    private static async Task<bool> TryUntilAsync(Func<bool> isDone, TimeSpan patience)
    {
        for (var started = Stopwatch.GetTimestamp(); !isDone(); await Task.Delay(s_poll))
        {
            if (Stopwatch.GetElapsedTime(started) > patience)
            {
                return false;
            }
        }

        return true;
    }
}

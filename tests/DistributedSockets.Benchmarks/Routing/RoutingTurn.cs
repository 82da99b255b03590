using System.Diagnostics;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>Some nodes with one strategy on an empty server, which get more and more groups.</summary>
internal sealed class RoutingTurn : IAsyncDisposable
{
    private const int WarmupMessages = 2_520;
    private const int TimedJoins = 200;
    private const int PacedSeconds = 3;

    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(2);

    private readonly TestServer _server;
    private readonly IReadOnlyList<RoutingNodeProcess> _nodes;
    private readonly string _strategy;
    private readonly int _round;
    private readonly RoutingOptions _options;

    private RoutingTurn(TestServer server, IReadOnlyList<RoutingNodeProcess> nodes, string strategy, int round, RoutingOptions options)
    {
        _server = server;
        _nodes = nodes;
        _strategy = strategy;
        _round = round;
        _options = options;
    }

    /// <summary>How many nodes hear of a message besides its sender: that of the group, which has one member, or all.</summary>
    private int Receivers => _strategy == RoutingStrategies.Interest ? 1 : _nodes.Count - 1;

    public static async Task<RoutingTurn> StartAsync(int nodes, string strategy, int round, RoutingOptions options)
    {
        var server = options.Over.Create();
        var started = new List<RoutingNodeProcess>();
        try
        {
            await server.StartAsync();
            for (var i = 0; i < nodes; i++)
            {
                started.Add(await RoutingNodeProcess.StartAsync(i, options.Over.Name, server.EndPoint, strategy));
            }

            return new(server, started, strategy, round, options);
        }
        catch
        {
            foreach (var node in started)
            {
                await node.DisposeAsync();
            }

            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a measurement for each number of groups.</summary>
    public async Task RunAsync(List<Measurement> measurements)
    {
        await AllAsync("join 100");
        var began = Stopwatch.GetTimestamp();
        do
        {
            await SendAsync(WarmupMessages);
            await AllAsync("churn 100");
        }
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < _options.WarmupSeconds);
        await AllAsync("time 20");

        var atFirst = await CollectAsync();
        var names = 100;
        foreach (var wanted in _options.Names)
        {
            var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
            if (wanted > names)
            {
                await JoinAsync(wanted - names, values);
                var memory = await CollectAsync();
                double more = (wanted - 100) * _nodes.Count;
                values[RoutingMetric.NodeHeapBytes] = (memory.HeapBytes - atFirst.HeapBytes) / more;
                values[RoutingMetric.NodeResidentBytes] = (memory.ResidentKiB - atFirst.ResidentKiB) * 1_024 / more;
                values[RoutingMetric.ServerBytes] = (memory.ServerBytes - atFirst.ServerBytes) / more;
                names = wanted;
            }

            await MessagesAsync(values);
            await PacedAsync(values);
            await ChurnAsync(_options.Changes / _nodes.Count, values);
            await TimesAsync(values);
            measurements.Add(new($"{_nodes.Count} nodes, {names:N0} groups each", _strategy, _round, _nodes.Count, names, values));
            Console.WriteLine($"  {names,7:N0} groups: " + string.Join(", ", values.Select(static value => $"{value.Key} {value.Value:N2}")));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _server.DisposeAsync();
    }

    private async Task JoinAsync(int count, SortedDictionary<string, double> values)
    {
        var from = await UsageAsync("await 0");
        var to = await UsageAsync($"join {count}");
        values[RoutingMetric.JoinNodeCpu] = (to.NodeCpuSeconds - from.NodeCpuSeconds) * 1e6 / (count * _nodes.Count);
        values[RoutingMetric.JoinServerCpu] = (to.ServerCpuSeconds - from.ServerCpuSeconds) * 1e6 / (count * _nodes.Count);
    }

    private async Task MessagesAsync(SortedDictionary<string, double> values)
    {
        var perNode = PerNode(_options.Messages);
        double messages = perNode * _nodes.Count;
        var from = await UsageAsync("await 0");
        var to = await SendAsync(perNode);
        values[RoutingMetric.MessageNodeCpu] = (to.NodeCpuSeconds - from.NodeCpuSeconds) * 1e6 / messages;
        values[RoutingMetric.MessageServerCpu] = (to.ServerCpuSeconds - from.ServerCpuSeconds) * 1e6 / messages;
        values[RoutingMetric.Received] = (to.Received - from.Received) / messages;
        values[RoutingMetric.Wrong] = values.GetValueOrDefault(RoutingMetric.Wrong) + Math.Abs(to.Delivered - from.Delivered - messages) + Math.Abs(to.Received - from.Received - (messages * Receivers));
    }

    /// <summary>Few messages a second, for each of which somebody has to wake up; less what the nodes take without any.</summary>
    private async Task PacedAsync(SortedDictionary<string, double> values)
    {
        var rate = _options.Rate / _nodes.Count;
        var perNode = PerNode(_options.Rate * PacedSeconds);
        double messages = perNode * _nodes.Count;
        var idleFrom = await UsageAsync("await 0");
        var idleBegan = Stopwatch.GetTimestamp();
        await Task.Delay(s_idle);
        var from = await UsageAsync("await 0");
        var began = Stopwatch.GetTimestamp();
        var to = await SendAsync(perNode, $"pace {rate}");
        var idleTimes = Stopwatch.GetElapsedTime(began) / Stopwatch.GetElapsedTime(idleBegan, began);
        values[RoutingMetric.PacedNodeCpu] = Each(static usage => usage.NodeCpuSeconds);
        values[RoutingMetric.PacedServerCpu] = Each(static usage => usage.ServerCpuSeconds);

        double Each(Func<RoutingUsage, double> cpu) => (cpu(to) - cpu(from) - ((cpu(from) - cpu(idleFrom)) * idleTimes)) * 1e6 / messages;
    }

    /// <summary>Of so many messages those of one node, so that all nodes get as many.</summary>
    private int PerNode(int messages) => Math.Max(1, messages / _nodes.Count / (_nodes.Count - 1)) * (_nodes.Count - 1);

    private async Task ChurnAsync(int count, SortedDictionary<string, double> values)
    {
        var from = await UsageAsync("await 0");
        var to = await UsageAsync($"churn {count}");
        values[RoutingMetric.ChurnNodeCpu] = (to.NodeCpuSeconds - from.NodeCpuSeconds) * 1e6 / (count * _nodes.Count);
        values[RoutingMetric.ChurnServerCpu] = (to.ServerCpuSeconds - from.ServerCpuSeconds) * 1e6 / (count * _nodes.Count);
    }

    /// <summary>Joins one after the other, on one node after the other: as long as one takes with nobody else about.</summary>
    private async Task TimesAsync(SortedDictionary<string, double> values)
    {
        var times = (await _nodes[0].AskAsync($"time {TimedJoins}")).Milliseconds;
        Array.Sort(times);
        values[RoutingMetric.JoinP50] = times[times.Length / 2];
        values[RoutingMetric.JoinP99] = times[times.Length * 99 / 100];
    }

    /// <summary>Has each node send to the others in turn, until all has arrived.</summary>
    private async Task<RoutingUsage> SendAsync(int perNode, string command = "send")
    {
        var before = await AllAsync("await 0");
        await Task.WhenAll(_nodes.Select((node, i) => node.AskAsync(
            $"{command} {perNode} {string.Join(' ', Enumerable.Range(1, _nodes.Count - 1).Select(offset => _nodes[(i + offset) % _nodes.Count].Name))}")));
        return await UsageAsync(i => $"await {before[i].Received + (perNode * Receivers)}");
    }

    private Task<RoutingAnswer[]> AllAsync(string command) => Task.WhenAll(_nodes.Select(node => node.AskAsync(command)));

    private Task<RoutingUsage> UsageAsync(string command) => UsageAsync(_ => command);

    /// <summary>Collects garbage on one node after the other: all at once would keep the server waiting.</summary>
    private async Task<RoutingUsage> CollectAsync()
    {
        foreach (var node in _nodes)
        {
            await node.AskAsync("collect");
        }

        return await UsageAsync("await 0");
    }

    private async Task<RoutingUsage> UsageAsync(Func<int, string> command) =>
        RoutingUsage.Of(_nodes, await Task.WhenAll(_nodes.Select((node, i) => node.AskAsync(command(i)))), await _options.Over.UsageAsync(_server));
}

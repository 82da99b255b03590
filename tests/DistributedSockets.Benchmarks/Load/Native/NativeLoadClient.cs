using System.Diagnostics;
using System.Globalization;
using System.Net;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>The load client in C, a process of its own that shares no code with the one in this process: only what is asked for is the same.</summary>
internal sealed class NativeLoadClient : ILoadClient
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);

    private readonly Dialect _dialect;
    private readonly Process _process;
    private readonly List<LoadConnection> _connections = [];

    public NativeLoadClient(Dialect dialect, IReadOnlyList<IPEndPoint> servers)
    {
        _dialect = dialect;
        _process = Process.Start(new ProcessStartInfo(NativeProgram.LoadClient.Path) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Tell($"dialect\t{dialect.Name}");
        foreach (var server in servers)
        {
            Tell($"server\t{server.Port}");
        }
    }

    public int ProcessId => _process.Id;

    public IReadOnlyList<LoadConnection> Connections => _connections;

    public void Connect(int count, Func<int, (int Node, string? User, IReadOnlyList<string> Groups)> describe)
    {
        for (var i = 0; i < count; i++)
        {
            var (node, user, groups) = describe(_connections.Count);
            _connections.Add(new(_connections.Count, node, user, groups));
            Tell($"connection\t{node}\t{_dialect.Path(user, groups)}");
        }

        var ready = Ask($"connect\t{_dialect.Operation('E', null, "#ffffffff00000000")}");
        if (ready != $"connected {_connections.Count}")
        {
            throw new InvalidDataException($"Of {_connections.Count} connections not all are ready: {ready}.");
        }
    }

    public void Start(IReadOnlyList<Flow> flows, LoadPace pace)
    {
        Tell("flows");
        foreach (var flow in flows)
        {
            var receivers = flow.Receivers is { } some ? Numbers(some) : "*";
            var payload = System.Text.Encoding.ASCII.GetString(flow.Payload);
            Tell($"flow\t{Numbers(flow.Senders)}\t{receivers}\t{flow.ReceiverCount}\t{(flow.IgnoresOthers ? 1 : 0)}\t{payload}\t{flow.Message}");
        }

        Tell(pace switch
        {
            WindowPace window => $"window\t{window.Window}\t{window.Senders ?? 0}",
            RatePace rate => string.Create(CultureInfo.InvariantCulture, $"rate\t{rate.PerSecond}"),
            _ => throw new NotSupportedException($"The load client in C knows no {pace.GetType().Name}."),
        });
    }

    public void Stop() => Tell("stop");

    public void Pause(LoadConnection connection) => Ask($"pause\t{connection.Index}\t{_dialect.Operation('E', null, new string('x', 1_024))}");

    public void ClearLatency() => Tell("clear");

    public LoadCounts Count()
    {
        var answer = Ask("count").Split(' ');
        var counts = answer.Skip(1).Take(10).Select(static number => long.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        var latency = answer.Skip(11).Select(static number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        return new()
        {
            Deliveries = counts[0],
            Sent = counts[1],
            ReceivedBytes = counts[2],
            Outstanding = counts[3],
            Missing = counts[4],
            Duplicates = counts[5],
            Misdelivered = counts[6],
            Reordered = counts[7],
            Broken = counts[8],
            Skipped = counts[9],
            P50 = latency[0],
            P99 = latency[1],
            P999 = latency[2],
        };
    }

    public bool TryRun(Func<bool> done, TimeSpan guard)
    {
        var started = Stopwatch.GetTimestamp();
        while (!done())
        {
            if (Stopwatch.GetElapsedTime(started) >= guard)
            {
                return false;
            }

            Thread.Sleep(s_pause);
        }

        return true;
    }

    public void Run(TimeSpan time) => Thread.Sleep(time);

    public void Dispose()
    {
        _process.StandardInput.Close(); // which ends it
        _process.WaitForExit();
        _process.Dispose();
    }

    private static string Numbers(IReadOnlyList<LoadConnection> connections) => string.Join(',', connections.Select(static connection => connection.Index));

    private void Tell(string command) => _process.StandardInput.Write($"{command}\n");

    private string Ask(string command)
    {
        Tell(command);
        var answer = _process.StandardOutput.ReadLine() ?? "nothing, and ended";
        return answer.StartsWith("failed", StringComparison.Ordinal) || _process.HasExited
            ? throw new InvalidDataException($"The load client in C answered: {answer}.")
            : answer;
    }
}

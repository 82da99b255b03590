using BenchmarkDotNet.Attributes;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>What threads at once cost each other in the registry; times are per operation.</summary>
public class RegistryBenchmarks
{
    private const int Operations = 10_000;
    private const int Connections = 1_000;

    private MicroNode _node = null!;
    private Connection[][] _connections = [];
    private string[] _users = [];

    [Params(1, 4)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _node = new();
        _node.Add(Connections);
        _users = [.. Enumerable.Range(0, Connections).Select(static i => $"user{i}")];
        _connections = [.. Enumerable.Range(0, Threads).Select(_ => _node.Create(100))];
        foreach (var connection in _connections.SelectMany(static connections => connections))
        {
            _node.Hub.Add(connection);
        }
    }

    [GlobalCleanup]
    public void Cleanup() => _node.Dispose();

    /// <summary>A connection joins a group that others of its thread are in, and leaves it.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public void JoinAndLeave() => OnThreads((thread, operation) =>
    {
        var connections = _connections[thread];
        var connection = connections[operation % connections.Length];
        var group = operation % 2 == 0 ? "even" : "odd";
        _node.Hub.AddToGroup(connection, group, int.MaxValue);
        _node.Hub.RemoveFromGroup(connection, group);
    });

    [Benchmark(OperationsPerInvoke = Operations)]
    public void LookUpUser() => OnThreads((_, operation) =>
    {
        if (_node.Hub.User(_users[operation % _users.Length]).Count != 1)
        {
            throw new InvalidOperationException("A user is missing.");
        }
    });

    private void OnThreads(Action<int, int> operation)
    {
        var each = Operations / Threads;
        var threads = new Thread[Threads];
        for (var i = 0; i < threads.Length; i++)
        {
            var thread = i;
            threads[i] = new(() =>
            {
                for (var number = 0; number < each; number++)
                {
                    operation(thread, number);
                }
            });
            threads[i].Start();
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }
    }
}

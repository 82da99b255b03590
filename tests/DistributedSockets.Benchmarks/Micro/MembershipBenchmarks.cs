using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>Joins and leaves of connections in many groups, and of large groups. Neither time nor memory must grow with either.</summary>
public class MembershipBenchmarks
{
    private MicroNode _node = null!;
    private Connection _member = null!;
    private Connection _joiner = null!;

    /// <summary>How many groups the connection is in, and how many members the group has.</summary>
    [Params(10, 10_000, 100_000)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _node = new();
        _member = _node.Create();
        _joiner = _node.Create();
        _node.Hub.Add(_member);
        _node.Hub.Add(_joiner);
        for (var i = 0; i < Size; i++)
        {
            _node.Hub.AddToGroup(_member, $"group{i}", int.MaxValue);
        }

        foreach (var connection in _node.Create(Size))
        {
            _node.Hub.Add(connection);
            _node.Hub.AddToGroup(connection, "large", int.MaxValue);
        }

        // What all of this has to write must not be written while something is measured.
        var store = _node.Services.GetRequiredService<ISessionStore>();
        while (store.CountAsync(SessionQuery.ForGroup(_node.Hub.Name, "large")).AsTask().GetAwaiter().GetResult() < Size)
        {
            Thread.Sleep(50);
        }
    }

    [GlobalCleanup]
    public void Cleanup() => _node.Dispose();

    /// <summary>A connection that is in many groups joins one more and leaves it.</summary>
    [Benchmark]
    public void JoinAndLeave()
    {
        _node.Hub.AddToGroup(_member, "one more", int.MaxValue);
        _node.Hub.RemoveFromGroup(_member, "one more");
    }

    /// <summary>A connection joins a large group and leaves it, and each time somebody gets the list of who is in it, as a send does.</summary>
    [Benchmark]
    public object JoinAndLeaveLargeGroup()
    {
        _node.Hub.AddToGroup(_joiner, "large", int.MaxValue);
        var joined = _node.Hub.Group("large");
        _node.Hub.RemoveFromGroup(_joiner, "large");
        return joined.IsEmpty ? joined : _node.Hub.Group("large");
    }
}

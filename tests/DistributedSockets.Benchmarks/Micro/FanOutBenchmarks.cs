using BenchmarkDotNet.Attributes;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>One frame to many idle connections. What is allocated must not grow with their number.</summary>
public class FanOutBenchmarks
{
    private MicroNode _node = null!;
    private MemberList _members = MemberList.Empty;
    private SharedFrame _frame = null!;

    [Params(1, 10, 1_000, 100_000)]
    public int Recipients { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _node = new();
        var set = new MemberSet("everyone");
        foreach (var connection in _node.Create(Recipients))
        {
            set.Add(connection);
        }

        _members = set.Members;

        _frame = SharedFrame.Encode(WebSocketMessage.Binary(new byte[128]));
    }

    [GlobalCleanup]
    public void Cleanup() => _node.Dispose();

    [Benchmark]
    public int FanOutFrame()
    {
        var sent = FanOut.Enqueue(_members, _frame, []);
        FanOutWriter.Write(_members);
        return sent;
    }
}

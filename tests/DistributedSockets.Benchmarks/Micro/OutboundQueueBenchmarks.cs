using BenchmarkDotNet.Attributes;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>The queue of one connection: idle, and busy so that frames are joined. Times are per frame.</summary>
public class OutboundQueueBenchmarks
{
    private const int Frames = 100;

    private readonly Gate _gate = new();
    private MicroNode _node = null!;
    private Connection _idle = null!;
    private Connection _busy = null!;
    private SharedFrame _frame = null!;

    [GlobalSetup]
    public void Setup()
    {
        _node = new();
        _idle = _node.Create();
        _busy = _node.Create(output: _gate);
        _frame = SharedFrame.Encode(WebSocketMessage.Binary(new byte[128]));
    }

    [GlobalCleanup]
    public void Cleanup() => _node.Dispose();

    [Benchmark(OperationsPerInvoke = Frames)]
    public void Idle()
    {
        for (var i = 0; i < Frames; i++)
        {
            _idle.Queue.TryEnqueue(_frame);
            _idle.Queue.Start();
        }
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public Task Busy()
    {
        _gate.Close(closed: true);
        for (var i = 0; i < Frames; i++)
        {
            _busy.Queue.TryEnqueue(_frame);
            _busy.Queue.Start();
        }

        _gate.Close(closed: false);
        return _busy.Queue.DrainAsync();
    }
}

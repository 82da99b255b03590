using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>One entry of a log on its way through the lane of a node of 1,000 connections: for everyone, for a group of ten, and for nobody here.</summary>
public class LogLaneBenchmarks
{
    private MicroNode _node = null!;
    private LogLane _lane = null!;
    private long _epoch;
    private long _offset;
    private byte[] _all = [];
    private byte[] _group = [];
    private byte[] _nobody = [];

    [GlobalSetup]
    public void Setup()
    {
        _node = new(static options => options.EnableLog = true);
        _node.Add(1_000);
        var logs = _node.Services.GetRequiredService<HubLogs>();
        logs.AdmitAsync(_node.Hub).AsTask().Wait();
        _lane = logs.LaneOf(_node.Hub)!; // the hub has a log
        (_epoch, _offset) = (_lane.Position.Epoch, _lane.Position.Offset);
        _all = Encode(WebSocketTargetKind.All);
        _group = Encode(WebSocketTargetKind.Groups, "group1");
        _nobody = Encode(WebSocketTargetKind.Groups, "nobody");
    }

    [GlobalCleanup]
    public void Cleanup() => _node.Dispose();

    [Benchmark]
    public void ToAll() => HandOver(_all);

    [Benchmark]
    public void ToGroupOfTen() => HandOver(_group);

    [Benchmark]
    public void ToNobodyHere() => HandOver(_nobody);

    private static byte[] Encode(WebSocketTargetKind kind, params string[] names)
    {
        using var frame = new EnvelopeWriter("other-node").Encode(kind, names, [], WebSocketMessage.Text(new string('x', 128)), null);
        return frame.Envelope.ToArray();
    }

    private void HandOver(byte[] payload)
    {
        _offset++;
        _lane.OnAppended(_epoch, new LogEntry { Offset = _offset, PreviousOffset = _offset - 1, AppendedAt = default, Payload = payload });
    }
}

using System.Buffers;
using BenchmarkDotNet.Attributes;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>An envelope to a group, written and read.</summary>
public class EnvelopeBenchmarks
{
    private readonly EnvelopeWriter _writer = new("node-abcdefghij");
    private readonly string[] _names = ["group1"];
    private byte[] _envelope = [];
    private SharedFrame _frame = null!;

    [Params(128, 1_024)]
    public int PayloadBytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _frame = SharedFrame.Encode(WebSocketMessage.Binary(new byte[PayloadBytes]));
        var rented = _writer.WriteFrame(WebSocketTargetKind.Groups, _names, [], Guid.Empty, _frame, out var length);
        _envelope = rented[..length];
    }

    [Benchmark]
    public int Write()
    {
        var envelope = _writer.WriteFrame(WebSocketTargetKind.Groups, _names, [], Guid.Empty, _frame, out var length);
        ArrayPool<byte>.Shared.Return(envelope);
        return length;
    }

    /// <summary>What is done with an envelope that arrives, up to the frame that is sliced out.</summary>
    [Benchmark]
    public bool Read()
    {
        if (Envelope.Read(_envelope, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame))
        {
            frame.Release();
            return true;
        }

        throw new InvalidOperationException("The envelope cannot be read.");
    }
}

using System.Buffers;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>A sealed envelope, and what one that nobody asked for costs. An envelope opens once, so opening is measured with sealing.</summary>
public class SealingBenchmarks
{
    private const string Channel = "distributed-sockets:v1:chat:user:alice";

    private EnvelopeSealer _sealer = null!;
    private EnvelopeOpener _opener = null!;
    private byte[] _plain = [];
    private byte[] _forged = [];
    private byte[] _forgedOfKnown = [];

    [Params(256, 4_096)]
    public int EnvelopeBytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var options = new DistributedWebSocketsOptions();
        options.EnvelopeKeys.Add(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        var ring = new EnvelopeKeyRing(Options.Create(options));
        _sealer = new(ring, TimeProvider.System);
        _opener = new(ring, new(ring, TimeProvider.System), Options.Create(options), EnvelopeKnowledge.Current, TimeProvider.System);
        using var frame = SharedFrame.Encode(WebSocketMessage.Binary(new byte[EnvelopeBytes - 54])); // header, origin, name, and 4 bytes of the frame's own
        _plain = new EnvelopeWriter("node-abcdefghij").WriteFrame(WebSocketTargetKind.Users, ["alice"], [], Guid.Empty, frame, out var length)[..length];
        SealAndOpen();
        var sealedOne = _sealer.Seal(Channel, _plain, out length)[..length];
        _forgedOfKnown = [.. sealedOne[..^1], (byte)(sealedOne[^1] ^ 1)];
        _forged = [.. sealedOne];
        RandomNumberGenerator.Fill(_forged.AsSpan(6, SealedEnvelope.SenderIdBytes));
    }

    [Benchmark]
    public int Seal()
    {
        ArrayPool<byte>.Shared.Return(_sealer.Seal(Channel, _plain, out var length));
        return length;
    }

    [Benchmark]
    public int SealAndOpen()
    {
        var array = _sealer.Seal(Channel, _plain, out var length);
        if (_opener.Open(Channel, 1, array.AsMemory(0, length), out var envelope) != EnvelopeVerdict.Taken)
        {
            throw new InvalidOperationException("The envelope was refused.");
        }

        ArrayPool<byte>.Shared.Return(array);
        return envelope.Length;
    }

    /// <summary>With a sender that this node does not know: a key must be derived to find out.</summary>
    [Benchmark]
    public bool RefuseForged() => Refuse(_forged);

    [Benchmark]
    public bool RefuseForgedOfAKnownSender() => Refuse(_forgedOfKnown);

    private bool Refuse(byte[] forged) =>
        _opener.Open(Channel, 1, forged, out _) == EnvelopeVerdict.NotAuthentic ? true : throw new InvalidOperationException("A forged envelope was taken.");
}

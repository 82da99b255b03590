using System.Security.Cryptography;
using DistributedSockets.Fuzzing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>What anyone without a key may publish where envelopes are sealed.</summary>
public sealed class SealedFuzzTests
{
    private const string Channel = "shop:v1:chat:all";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_AnyBytes_RefusesLeavesNoTraceAndAllocatesLittle(bool senderIsKnown)
    {
        var (key, time) = (TestKeys.Create(), new FakeTimeProvider());
        var sealer = TestKeys.Sealer(key, time);
        var opener = TestKeys.Opener(TimeSpan.FromMinutes(5), time, key);
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("hi"));
        var plain = new EnvelopeWriter("node-a").WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length)[..length];
        if (senderIsKnown)
        {
            Assert.Equal(EnvelopeVerdict.Taken, Open(Seal()));
        }

        // Recorded ones with another tag, so that none is genuine, and no small change makes it so.
        byte[][] corpus = [.. Enumerable.Range(0, 20).Select(_ => Seal()), plain, .. Corpus.Load("Envelopes")];
        foreach (var recorded in corpus.AsSpan(0, 20))
        {
            RandomNumberGenerator.Fill(recorded.AsSpan(^SealedEnvelope.TagBytes..));
        }

        Fuzz.Bytes(corpus, 20_000, 500, bytes => Allocations.AssertBounded(bytes.Length, 1, 2_048, () => Assert.NotEqual(EnvelopeVerdict.Taken, Open(bytes))));

        Assert.Equal(senderIsKnown ? 1 : 0, opener.SenderCount);
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal()));

        byte[] Seal() => sealer.Seal(Channel, plain, out var sealedBytes)[..sealedBytes];

        EnvelopeVerdict Open(byte[] bytes) => opener.Open(Channel, 1, bytes, out _);
    }
}

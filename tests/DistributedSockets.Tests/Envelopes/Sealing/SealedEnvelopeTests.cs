using System.Collections.Concurrent;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Sealing and opening, without a node around them.</summary>
public sealed class SealedEnvelopeTests
{
    private const string Channel = "shop:v1:chat:user:alice";

    private static readonly TimeSpan s_maxAge = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(1);

    private readonly string _key = TestKeys.Create();
    private readonly FakeTimeProvider _time = new();
    private readonly EnvelopeSealer _sealer;
    private readonly EnvelopeOpener _opener;

    public SealedEnvelopeTests()
    {
        _sealer = TestKeys.Sealer(_key, _time);
        _opener = TestKeys.Opener(s_maxAge, _time, _key);
    }

    [Fact]
    public void Envelope_SealedAndOpened_IsTheSameAndShowsNothingOnTheWay()
    {
        var plain = Plain("node-a", "a secret");
        var (first, second) = (Seal(plain), Seal(plain));

        Assert.Equal(plain.Length + SealedEnvelope.OverheadBytes, first.Length);
        foreach (var text in new[] { "node-a", "secret" })
        {
            Assert.Equal(-1, first.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)));
        }

        Assert.NotEqual(first[SealedEnvelope.HeaderBytes..], second[SealedEnvelope.HeaderBytes..]);
        byte[] asItWas = [.. first];
        Assert.Equal(EnvelopeVerdict.Taken, _opener.Open(Channel, 1, first, out var opened));
        Assert.Equal(plain, opened.Bytes.ToArray());
        Assert.Equal(asItWas, first); // which other nodes of an in-memory cluster share
        Assert.Equal(EnvelopeVerdict.Taken, Open(second));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Envelope_AnyBitChanged_IsRefusedAndLeavesNoTrace(bool senderIsKnown)
    {
        if (senderIsKnown)
        {
            Assert.Equal(EnvelopeVerdict.Taken, Open(Seal()));
        }

        var original = Seal();
        for (var bit = 0; bit < 8 * original.Length; bit++)
        {
            byte[] changed = [.. original];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            var verdict = Open(changed);

            Assert.True(
                verdict is EnvelopeVerdict.NotAuthentic or EnvelopeVerdict.UnknownKey or EnvelopeVerdict.Unreadable,
                $"{verdict} with bit {bit % 8} of byte {bit / 8} changed.");
        }

        Assert.Equal(senderIsKnown ? 1 : 0, _opener.SenderCount);
        Assert.Equal(EnvelopeVerdict.Taken, Open(original));
    }

    [Fact]
    public void Envelope_CutOffOrLonger_IsRefused()
    {
        var original = Seal();
        for (var length = 0; length < original.Length; length++)
        {
            Assert.NotEqual(EnvelopeVerdict.Taken, Open(original[..length]));
        }

        Assert.Equal(EnvelopeVerdict.NotAuthentic, Open([.. original, 0]));
        Assert.Equal(0, _opener.SenderCount);
    }

    [Theory]
    [InlineData("shop:v1:chat:user:bob")]
    [InlineData("shop:v1:chat:user:alice2")]
    [InlineData("shop:v1:chat:group:alice")]
    [InlineData("shop:v1:chat:all")]
    [InlineData("shop:v1:game:user:alice")]
    [InlineData("shop2:v1:chat:user:alice")]
    [InlineData("")]
    public void Envelope_OnAnotherChannel_IsRefused(string channel)
    {
        var original = Seal();

        Assert.Equal(EnvelopeVerdict.NotAuthentic, Open(original, channel));
        Assert.Equal(EnvelopeVerdict.NotAuthentic, Open(original, new string('x', 2_000)));
        Assert.Equal(EnvelopeVerdict.Taken, Open(original));
    }

    [Fact]
    public void Envelope_OfAnotherKey_IsRefusedAlsoUnderTheNameOfOurs()
    {
        var foreign = Seal(Plain(), TestKeys.Sealer(TestKeys.Create(), _time));
        byte[] renamed = [.. foreign[..2], .. Seal()[2..6], .. foreign[6..]];

        Assert.Equal(EnvelopeVerdict.UnknownKey, Open(foreign));
        Assert.Equal(EnvelopeVerdict.NotAuthentic, Open(renamed));
        Assert.Equal(0, _opener.SenderCount);
    }

    [Fact]
    public void Envelope_PlainOrNone_IsRefused()
    {
        Assert.Equal(EnvelopeVerdict.NotSealed, Open(Plain()));
        Assert.Equal(EnvelopeVerdict.Unreadable, Open([]));
        Assert.Equal(EnvelopeVerdict.Unreadable, Open([EnvelopeWriter.Version, (byte)EnvelopeForm.Sealed]));
        Assert.Equal(EnvelopeVerdict.Unreadable, Open(Encoding.UTF8.GetBytes(new string('x', 100))));
    }

    [Fact]
    public void Envelope_GenuineButWithoutAnEnvelopeInside_IsRefusedAndLeavesNoTrace()
    {
        Assert.Equal(EnvelopeVerdict.Unreadable, Open(Seal([1, 2, 3])));
        Assert.Equal(EnvelopeVerdict.Unreadable, Open(Seal(Seal())));
        Assert.Equal(0, _opener.SenderCount);
    }

    [Fact]
    public void Envelope_OfThisProcess_IsAnEcho()
    {
        var ring = TestKeys.Ring(_key);
        var own = new EnvelopeSealer(ring, _time);
        var opener = new EnvelopeOpener(ring, own, TestKeys.Options(s_maxAge, _key), EnvelopeKnowledge.Current, _time);

        Assert.Equal(EnvelopeVerdict.OwnEcho, opener.Open(Channel, 1, Seal(Plain(), own), out _));
        Assert.Equal(0, opener.SenderCount);
    }

    [Fact]
    public void Envelope_Again_IsRefusedHoweverLongAgo()
    {
        var recorded = new List<byte[]>();
        for (var i = 0; i < 500; i++)
        {
            recorded.Add(Seal());
            Assert.Equal(EnvelopeVerdict.Taken, Open(recorded[^1]));
            Assert.Equal(EnvelopeVerdict.Replayed, Open(recorded[^1]));
        }

        _time.Advance(TimeSpan.FromDays(1));
        Assert.All(recorded, envelope => Assert.Equal(EnvelopeVerdict.Replayed, Open(envelope)));
    }

    [Fact]
    public void Envelopes_InAnyOrder_AreTakenOnceEach()
    {
        var envelopes = Enumerable.Range(0, 5_000).Select(_ => Seal()).ToArray();
        new Random(7).Shuffle(envelopes);

        Assert.All(envelopes, envelope => Assert.Equal(EnvelopeVerdict.Taken, Open(envelope)));
        Assert.All(envelopes, envelope => Assert.Equal(EnvelopeVerdict.Replayed, Open(envelope)));
    }

    [Fact]
    public void Envelope_BehindMoreNewerOnesThanTheWindowHolds_IsRefused()
    {
        var (behind, inside) = (Seal(), Seal());
        var newer = Array.Empty<byte>();
        for (var i = 0; i < ReplayWindow.Size - 1; i++)
        {
            newer = Seal();
        }

        Assert.Equal(EnvelopeVerdict.Taken, Open(newer));
        Assert.Equal(EnvelopeVerdict.Late, Open(behind));
        Assert.Equal(EnvelopeVerdict.Taken, Open(inside));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(300_000, true)]
    [InlineData(300_001, false)]
    [InlineData(-300_000, true)]
    [InlineData(-300_001, false)]
    public void Envelope_FirstOfItsSender_IsTakenOnlyIfTheClocksAgree(int ageInMilliseconds, bool taken)
    {
        var senders = new FakeTimeProvider(_time.GetUtcNow() - TimeSpan.FromMilliseconds(ageInMilliseconds));
        var envelope = Seal(Plain(), TestKeys.Sealer(_key, senders));

        Assert.Equal(taken ? EnvelopeVerdict.Taken : EnvelopeVerdict.Stale, Open(envelope));
        Assert.Equal(taken ? 1 : 0, _opener.SenderCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Envelopes_OfAKnownSenderWhoseClockJumps_AreTaken(int hours)
    {
        var senders = new FakeTimeProvider(_time.GetUtcNow());
        var sealer = TestKeys.Sealer(_key, senders);
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), sealer)));

        senders.AdjustTime(senders.GetUtcNow() + TimeSpan.FromHours(hours));
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), sealer)));
        var overtaken = Seal(Plain(), sealer);
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), sealer)));
        Assert.Equal(EnvelopeVerdict.Taken, Open(overtaken));

        _time.AdjustTime(_time.GetUtcNow() - TimeSpan.FromHours(3 * hours));
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), sealer)));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void Envelope_HeldBackWhileNewerOnesCame_IsTakenOnlyWithinTheAge(int beyond, bool taken)
    {
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal()));
        var held = Seal();
        _time.Advance(s_maxAge + (beyond * s_moment));
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal()));

        Assert.Equal(taken ? EnvelopeVerdict.Taken : EnvelopeVerdict.Late, Open(held));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void Envelope_SealedBeforeTheFirstHeardOfItsSender_IsTakenOnlyIfItIsFresh(int beyond, bool taken)
    {
        var before = Seal();
        _time.Advance(s_maxAge / 2);
        var first = Seal();
        Assert.Equal(EnvelopeVerdict.Taken, Open(first));
        _time.Advance((s_maxAge / 2) + (beyond * s_moment));

        Assert.Equal(taken ? EnvelopeVerdict.Taken : EnvelopeVerdict.Late, Open(before));
        Assert.Equal(EnvelopeVerdict.Replayed, Open(first));
    }

    [Fact]
    public void Envelope_ThatNamesAnotherNodeThanTheFirst_IsRefused()
    {
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain("node-a"))));
        Assert.Equal(EnvelopeVerdict.NotAuthentic, Open(Seal(Plain("node-b"))));
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain("node-a"))));
    }

    [Fact]
    public void Senders_MoreThanAreRemembered_ReplaceTheOneNotHeardForLongest()
    {
        var (early, kept) = (_sealer, TestKeys.Sealer(_key, _time));
        var (earliest, second) = (Seal(Plain(), early), Seal(Plain(), kept));
        Assert.Equal(EnvelopeVerdict.Taken, Open(earliest, arrivedAt: 1));
        Assert.Equal(EnvelopeVerdict.Taken, Open(second, arrivedAt: 2));
        for (var i = 2; i < EnvelopeOpener.MaxSenders; i++)
        {
            Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), TestKeys.Sealer(_key, _time)), arrivedAt: i + 1));
        }

        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), kept), arrivedAt: 2_000));
        Assert.Equal(EnvelopeVerdict.Replayed, Open(earliest, arrivedAt: 2_001)); // which is no sign of life
        _time.Advance(s_maxAge + s_moment);
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), TestKeys.Sealer(_key, _time)), arrivedAt: 3_000));

        Assert.Equal(EnvelopeOpener.MaxSenders, _opener.SenderCount);
        Assert.Equal(EnvelopeVerdict.Replayed, Open(second));
        Assert.Equal(EnvelopeVerdict.Stale, Open(earliest));
        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), early)));
        Assert.Equal(EnvelopeOpener.MaxSenders, _opener.SenderCount);
    }

    [Fact]
    public void Counter_UsedUp_NeverComesAgain()
    {
        var key = EnvelopeKey.TryParse(_key);
        var sealer = new EnvelopeSealer(key, new byte[SealedEnvelope.SenderIdBytes], long.MaxValue - 1, _time);

        Assert.Equal(EnvelopeVerdict.Taken, Open(Seal(Plain(), sealer)));
        for (var i = 0; i < 3; i++)
        {
            Assert.Throws<InvalidOperationException>(() => Seal(Plain(), sealer));
        }
    }

    [Theory]
    [InlineData(1, EnvelopeVerdict.Taken)]
    [InlineData(0, EnvelopeVerdict.Unreadable)]
    [InlineData(-1, EnvelopeVerdict.Unreadable)]
    [InlineData(long.MinValue, EnvelopeVerdict.Unreadable)]
    internal void Counter_OfAGenuineEnvelope_IsAboveZero(long counter, EnvelopeVerdict verdict)
    {
        var envelope = TestKeys.Seal(_key, counter, _time.GetUtcNow().ToUnixTimeMilliseconds(), Channel, Plain());

        Assert.Equal(verdict, Open(envelope));
    }

    [Fact]
    public void Channel_LongerThanAny_IsNotSealedFor() =>
        Assert.Throws<ArgumentException>(() => _sealer.Seal(new string('x', 1_025), Plain(), out _));

    [Fact]
    public async Task Sealers_OnManyThreads_NeverUseANonceTwice()
    {
        var nonces = new ConcurrentDictionary<string, bool>();
        await OnThreadsAsync(8, _ =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                Assert.True(nonces.TryAdd(Convert.ToHexString(Seal(), SealedEnvelope.HeaderBytes - 16, SealedEnvelope.NonceBytes), true));
            }
        });

        Assert.Equal(16_000, nonces.Count);
    }

    [Fact]
    public async Task Openers_OnManyThreads_TakeEachEnvelopeOnce()
    {
        const int Channels = 8;
        for (var round = 0; round < 20; round++)
        {
            // Each channel in order, and the sender unknown at first, so that all of them meet it at the same moment.
            var sealer = TestKeys.Sealer(_key, _time);
            var envelopes = Enumerable.Range(0, 200).SelectMany(_ => Enumerable.Range(0, Channels))
                .Select(channel => (Channel: $"c{channel}", Bytes: Seal(Plain(), sealer, $"c{channel}"))).ToLookup(envelope => envelope.Channel);
            var taken = 0;
            await OnThreadsAsync(Channels, thread =>
            {
                foreach (var (channel, bytes) in envelopes[$"c{thread}"])
                {
                    Interlocked.Add(ref taken, Open(bytes, channel) == EnvelopeVerdict.Taken ? 1 : 0);
                    Interlocked.Add(ref taken, Open(bytes, channel) == EnvelopeVerdict.Taken ? 1 : 0);
                }
            });

            Assert.Equal(200 * Channels, taken);
            Assert.Equal(round + 1, _opener.SenderCount);
        }
    }

    [Fact]
    public void SealAndOpen_AKnownSender_AllocateNothingButTheContent()
    {
        const int Count = 1_000;
        var plain = Plain("node-a", new string('x', 4_000));
        byte[][] envelopes = [.. Enumerable.Range(0, Count + 10).Select(_ => Seal(plain))];
        foreach (var envelope in envelopes.AsSpan(0, 10))
        {
            Open(envelope);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var envelope in envelopes.AsSpan(10))
        {
            Open(envelope);
        }

        var opening = GC.GetAllocatedBytesForCurrentThread() - before;
        before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Count; i++)
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(_sealer.Seal(Channel, plain, out _));
        }

        var sealing = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(opening, Count * plain.Length, Count * (plain.Length + 32));
        Assert.InRange(sealing, 0, 10 * Count); // perhaps an array of the pool, but none per envelope
    }

    private static byte[] Plain(string origin = "node-a", string text = "text")
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(text));
        return new EnvelopeWriter(origin).WriteFrame(WebSocketTargetKind.Users, ["alice"], [], Guid.Empty, frame, out var length)[..length];
    }

    private static async Task OnThreadsAsync(int count, Action<int> work)
    {
        using var start = new Barrier(count);
        var threads = Enumerable.Range(0, count).Select(thread => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait(Eventually.Guard);
                work(thread);
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default));
        await Task.WhenAll(threads).WithinGuardAsync();
    }

    private byte[] Seal() => Seal(Plain());

    private byte[] Seal(byte[] plain, EnvelopeSealer? sealer = null, string channel = Channel) => (sealer ?? _sealer).Seal(channel, plain, out var length)[..length];

    private EnvelopeVerdict Open(byte[] envelope, string channel = Channel, long arrivedAt = 5_000) =>
        _opener.Open(channel, arrivedAt, envelope, out _);
}

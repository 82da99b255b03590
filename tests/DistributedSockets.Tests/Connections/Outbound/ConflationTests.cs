using System.IO.Pipelines;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>A newer message of a key replaces the waiting one, in a queue that is being written.</summary>
public sealed class ConflationTests
{
    private readonly GatedStream _stream = new();
    private readonly QueueOwner _owner = new();

    [Fact]
    public async Task Enqueue_SameKeyWaits_NewerOneGoesToTheEndAndTheOlderIsCounted()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "being written", "a");
        Send(queue, "a1", "a");
        Send(queue, "plain");
        Send(queue, "b1", "b");
        var before = queue.QueuedBytes;
        Send(queue, "a2", "a");

        Assert.Equal(before, queue.QueuedBytes); // as long as the one it replaced
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["being written", "plain", "b1", "a2"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
        Assert.Equal((1, 0, 0), (_owner.Conflated, _owner.Dropped, _owner.Expired));
    }

    [Fact]
    public void Enqueue_ClientReadsAsFastAsItComes_EveryMessageIsWritten()
    {
        var queue = NewQueue();
        for (var i = 0; i < 10; i++)
        {
            Send(queue, $"{i}", "a");
        }

        Assert.Equal(Enumerable.Range(0, 10).Select(static i => $"{i}"), _stream.Texts());
        Assert.Equal(0, _owner.Conflated);
    }

    [Fact]
    public async Task Enqueue_ManyKeysAndManyUpdatesWhileNothingIsWritten_KeepsTheNewestOfEachAndLetsGoOfTheRest()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "first");
        var frames = new List<SharedFrame>();
        var expected = new Dictionary<string, (int At, string Text)>();
        var random = new Random(1);
        for (var i = 0; i < 5_000; i++)
        {
            var key = random.Next(4) == 0 ? null : $"{random.Next(200)}";
            var text = $"{key ?? "plain"} {i}";
            var frame = Frame(text, key);
            Assert.True(queue.TryEnqueue(frame));
            queue.Start();
            frames.Add(frame);
            expected[key ?? text] = (i, text);
        }

        Assert.Equal(5_000 - expected.Count, _owner.Conflated);
        Assert.Equal(5 + 2 + expected.Values.Sum(static sent => 2 + sent.Text.Length), queue.QueuedBytes); // and what is being written
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["first", .. expected.Values.OrderBy(static sent => sent.At).Select(static sent => sent.Text)], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
        Assert.All(frames, static frame => Assert.Equal(1, frame.References)); // ours
        frames.ForEach(static frame => frame.Release());
    }

    [Fact]
    public void Enqueue_QueueIsFull_ANewerOneOfAKeyTakesThePlaceOfTheOlder()
    {
        var queue = NewQueue(frames: 2, policy: SlowConsumerPolicy.Close);
        _stream.Shut();
        Send(queue, "being written");
        Assert.True(Send(queue, "a1", "a"));
        Assert.True(Send(queue, "plain"));

        Assert.True(Send(queue, "a2", "a")); // and so on for ever: what can be replaced makes no slow consumer
        Assert.True(Send(queue, "a3", "a"));
        Assert.Equal(0, _owner.Full);
        Assert.False(Send(queue, "b", "b"));

        Assert.Equal(1, _owner.Full);
    }

    [Fact]
    public async Task Enqueue_NewerOneIsTooLargeAndThePolicyDropsIt_TheOlderStays()
    {
        var queue = NewQueue(bytes: 1_024, policy: SlowConsumerPolicy.DropNewest);
        _stream.Shut();
        Send(queue, "being written");
        Send(queue, "old", "a");

        Assert.False(Send(queue, new string('x', 2_000), "a"));
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["being written", "old"], _stream.Texts());
        Assert.Equal((1, 0), (_owner.Dropped, _owner.Conflated));
    }

    private static SharedFrame Frame(string text, string? key) =>
        SharedFrame.Encode(WebSocketMessage.Text(text), terms: key is null ? null : DeliveryTerms.Of(new() { ConflationKey = key }, null, TimeProvider.System));

    private static bool Send(OutboundQueue queue, string text, string? key = null)
    {
        using var frame = Frame(text, key);
        var queued = queue.TryEnqueue(frame);
        queue.Start();
        return queued;
    }

    private OutboundQueue NewQueue(int bytes = 1 << 20, int frames = 16_384, SlowConsumerPolicy policy = SlowConsumerPolicy.Close) => new(
        PipeWriter.Create(_stream, new(minimumBufferSize: OutboundQueue.JoinBytes)),
        new() { OutboundQueueBytes = bytes, OutboundQueueFrames = frames, SlowConsumerPolicy = policy },
        _owner);
}

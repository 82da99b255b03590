using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

public sealed class FanOutWriterTests
{
    private const int FrameBytes = 3; // a header of two bytes and a digit

    private readonly ManualResetEventSlim _gate = new();

    [Fact]
    public async Task Start_DuringAPass_IsWrittenJoinedByTheNextOne()
    {
        await using var node = await AppNode.StartAsync();
        var writer = new FanOutWriter(maxThreads: 2);
        var members = new FanOutMembers(node, 100, i => i == 0 ? _gate : null);
        for (var i = 0; i < 10; i++)
        {
            members.Send(writer, $"{i}");
        }

        _gate.Set();
        await Eventually.TrueAsync(() => members.IsAllWritten, "everything is written");

        Assert.All(members.Streams, static stream => Assert.Equal(10 * FrameBytes, stream.Length));
        Assert.All(members.Streams[1..], static stream => Assert.Equal(1, stream.Writes));
    }

    [Fact]
    public async Task Start_MembersComeAndGoWhileAPassWaits_AllThatIsQueuedIsWritten()
    {
        await using var node = await AppNode.StartAsync();
        var members = new FanOutMembers(node, 101, i => i == 0 ? _gate : null);
        var set = new MemberSet("everyone");
        var memberships = Array.ConvertAll(members.Connections[..100], member => set.Add(member)!);

        var writer = new FanOutWriter(maxThreads: 2);
        Assert.Equal(100, Send());
        await Eventually.TrueAsync(() => members.Streams[0].Waits, "a pass is in progress");
        Assert.Equal(100, Send());
        set.Remove(memberships[50], ended: false);
        set.Add(members.Connections[100]);
        Assert.Equal(100, Send());
        _gate.Set();
        await Eventually.TrueAsync(() => members.IsAllWritten, "everything is written");

        Assert.Equal(2 * FrameBytes, members.Streams[50].Length);
        Assert.Equal(FrameBytes, members.Streams[100].Length);
        Assert.Equal(3 * FrameBytes, members.Streams[99].Length);

        int Send()
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
            var sent = FanOut.Enqueue(set.Members, frame, []);
            writer.Start(set.Members);
            return sent;
        }
    }

    [Fact]
    public async Task Start_AsManyPassesWaitAsMay_IsWrittenByTheCaller()
    {
        await using var node = await AppNode.StartAsync();
        var stuck = new FanOutMembers(node, 64, i => i == 0 ? _gate : null);
        var members = new FanOutMembers(node, 64);
        var writer = new FanOutWriter(maxThreads: 2);
        stuck.Send(writer, "x");
        await Eventually.TrueAsync(() => stuck.Streams[0].Waits, "a pass is in progress");

        for (var i = 0; i < FanOutWriter.MaxWaiting; i++)
        {
            Send(); // as of so many groups
        }

        Assert.All(members.Streams, static stream => Assert.Equal(0, stream.Writes));
        Send();

        Assert.All(members.Streams, static stream => Assert.Equal(1, stream.Writes));
        _gate.Set();
        await Eventually.TrueAsync(() => stuck.IsAllWritten, "everything is written");
        Assert.All(members.Streams, static stream => Assert.Equal((FanOutWriter.MaxWaiting + 1) * FrameBytes, stream.Length));

        void Send()
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
            var set = new MemberSet("one of many");
            foreach (var connection in members.Connections)
            {
                set.Add(connection);
            }

            FanOut.Enqueue(set.Members, frame, []);
            writer.Start(set.Members);
        }
    }

    [Fact]
    public async Task Start_ManyMembersAndOneHoldsUpItsThread_AnotherWritesAllBeyondItsShare()
    {
        await using var node = await AppNode.StartAsync();
        var members = new FanOutMembers(node, 3_000, i => i == 0 ? _gate : null);
        var writer = new FanOutWriter(maxThreads: 2);

        members.Send(writer, "x");
        await Eventually.TrueAsync(
            () => members.Connections.Count(static connection => connection.Queue.QueuedBytes > 0) <= FanOutWriter.Share, "the rest is written");

        Assert.Equal(FanOutWriter.Share, members.Connections.Count(static connection => connection.Queue.QueuedBytes > 0));
        _gate.Set();
        await Eventually.TrueAsync(() => members.IsAllWritten, "everything is written");
        Assert.All(members.Streams, static stream => Assert.Equal(1, stream.Writes));
    }

    [Fact]
    public async Task Start_MoreComesDuringAPass_TheNextIsLeftToOneThreadSoThatItJoins()
    {
        await using var node = await AppNode.StartAsync();
        var members = new FanOutMembers(node, 3_000, i => i == 0 ? _gate : null);
        var writer = new FanOutWriter(maxThreads: 2);
        members.Send(writer, "x");
        await Eventually.TrueAsync(
            () => members.Connections.Count(static connection => connection.Queue.QueuedBytes > 0) <= FanOutWriter.Share, "the rest is written");
        using var next = new ManualResetEventSlim();
        foreach (var stream in members.Streams.AsSpan(FanOutWriter.Share))
        {
            stream.Gate = next;
        }

        members.Send(writer, "x");
        _gate.Set();
        await Eventually.TrueAsync(() => Waiting() > 0, "the next pass is in progress");
        var fence = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ThreadPool.UnsafeQueueUserWorkItem(static fence => fence.SetResult(), fence, preferLocal: false);
        await fence.Task.WithinGuardAsync(); // had another thread been called, it would be there by now

        Assert.Equal(1, Waiting());
        next.Set();
        await Eventually.TrueAsync(() => members.IsAllWritten, "everything is written");
        Assert.All(members.Streams, static stream => Assert.Equal(2 * FrameBytes, stream.Length));

        int Waiting() => members.Streams.Skip(FanOutWriter.Share).Count(static stream => stream.Waits); // those of the first share may have yet to go on
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Start_ManyMembers_IsWrittenByNoMoreThreadsThanMay(int maxThreads)
    {
        await using var node = await AppNode.StartAsync();
        var members = new FanOutMembers(node, 3_000, _ => _gate);
        var writer = new FanOutWriter(maxThreads);
        members.Send(writer, "x");
        await Eventually.TrueAsync(() => Waiting() == maxThreads, "all threads write");
        for (var i = 0; i < 10; i++)
        {
            members.Send(writer, "x"); // nor does another pass call more
        }

        Assert.Equal(maxThreads, Waiting());
        _gate.Set();
        await Eventually.TrueAsync(() => members.IsAllWritten, "everything is written");
        Assert.All(members.Streams, static stream => Assert.Equal(11 * FrameBytes, stream.Length));

        int Waiting() => members.Streams.Count(static stream => stream.Waits);
    }

    [Fact]
    public async Task Start_OverAndOverOnSeveralThreads_EveryMemberGetsAllInOrder()
    {
        const int messages = 200;
        await using var node = await AppNode.StartAsync();
        var members = new FanOutMembers(node, 3_000);
        var writer = new FanOutWriter(maxThreads: 4);
        for (var i = 0; i < messages; i++)
        {
            members.Send(writer, $"{i:D4}");
        }

        await Eventually.TrueAsync(() => members.IsAllWritten, "everything is written");

        var expected = string.Concat(Enumerable.Range(0, messages).Select(static i => $"\u0081\u0004{i:D4}"));
        Assert.All(members.Streams, stream => Assert.Equal(expected, Encoding.Latin1.GetString(stream.ToArray())));
    }
}

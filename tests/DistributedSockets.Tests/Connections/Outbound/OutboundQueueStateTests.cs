using System.IO.Pipelines;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>Whatever happens to an outbound queue in whatever order, what it wrote can be read, and it keeps nothing.</summary>
public sealed class OutboundQueueStateTests
{
    private static readonly byte[] s_pong = [0x8A, 0x00];
    private static readonly byte[] s_close = [0x88, 0x02, 0x03, 0xE8];

    public static TheoryData<SlowConsumerPolicy, bool> Kinds => new()
    {
        { SlowConsumerPolicy.Close, true },
        { SlowConsumerPolicy.Close, false },
        { SlowConsumerPolicy.DropNewest, true },
        { SlowConsumerPolicy.DropNewest, false },
        { SlowConsumerPolicy.DropOldest, true },
        { SlowConsumerPolicy.DropOldest, false },
    };

    /// <summary>Random steps one after the other, against what each of them must come to.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Steps_InAnyOrder_WriteAcceptedFramesInOrderAndReleaseAll(SlowConsumerPolicy policy, bool isOpen)
    {
        for (var seed = 0; seed < 300; seed++)
        {
            try
            {
                await new Run(seed, policy, isOpen).ToEndAsync();
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"Seed {seed} failed.", exception);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Steps_AtOnce_LeaveNothingBehind(SlowConsumerPolicy policy, bool isOpen)
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var run = new Run(seed, policy, isOpen);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() => run.DoStepsAtOnce(thread)))).WithinGuardAsync();
            await run.EndAsync();
        }
    }

    [Fact]
    public async Task Dispose_FlushHangs_EndsWhenTheTransportIsCut()
    {
        var stream = new GatedStream();
        var queue = new OutboundQueue(Output(stream), new(), new QueueOwner());
        stream.Shut();
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        queue.TryEnqueue(frame);
        queue.Start();
        queue.TryEnqueue(frame);
        queue.Start();

        var disposal = queue.DisposeAsync();
        Assert.False(disposal.IsCompleted);
        Assert.Equal(1, frame.References); // only ours: what waited is dropped at once
        stream.Fail(new IOException("cut"));

        await disposal.WithinGuardAsync();
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Open_Abandoned_WritesNothing()
    {
        var stream = new GatedStream();
        var queue = new OutboundQueue(null, new(), new QueueOwner());
        queue.Abandon(new IOException("no answer"));

        queue.Open(Output(stream));
        queue.Ping();

        await queue.DrainAsync().WithinGuardAsync();
        Assert.Empty(stream.Writes);
        Assert.False(queue.IsPingWaiting);
    }

    [Fact]
    public async Task Open_WaitingFramesWereDropped_EndsADrainThatWasWaitedFor()
    {
        var queue = new OutboundQueue(null, new(), new QueueOwner());
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        queue.TryEnqueue(frame);
        var drained = queue.DrainAsync();
        Assert.False(drained.IsCompleted);

        var disposed = queue.DisposeAsync();
        queue.Open(Output(new GatedStream()));

        await Task.WhenAll(drained, disposed).WithinGuardAsync();
    }

    [Fact]
    public async Task Owner_ThatThrows_LeavesNothingUnwrittenAndNobodyWaiting()
    {
        var (stream, owner) = (new GatedStream(), new QueueOwner { OnTold = static () => throw new NotSupportedException("as a listener of the metrics may") });
        var queue = new OutboundQueue(Output(stream), new() { OutboundQueueFrames = 1, SlowConsumerPolicy = SlowConsumerPolicy.DropOldest }, owner);
        using var first = SharedFrame.Encode(WebSocketMessage.Text("first"));
        using var second = SharedFrame.Encode(WebSocketMessage.Text("second"));
        queue.TryEnqueue(first);
        queue.TryEnqueue(second);

        Assert.Throws<NotSupportedException>(queue.Start);
        await queue.DrainAsync().WithinGuardAsync();
        Assert.Equal(["second"], stream.Texts());
        Assert.Equal((1, 1), (first.References, second.References));
    }

    private static PipeWriter Output(Stream stream) => PipeWriter.Create(stream, new(minimumBufferSize: OutboundQueue.JoinBytes));

    /// <summary>One queue, and what has to come of what is done to it.</summary>
    private sealed class Run
    {
        private const int Steps = 60;

        private readonly Random _random;
        private readonly int _seed;
        private readonly GatedStream _stream = new();
        private readonly QueueOwner _owner = new();
        private readonly OutboundQueue _queue;
        private readonly SlowConsumerPolicy _policy;
        private readonly List<SharedFrame> _frames = [];
        private readonly List<string> _accepted = [];
        private readonly List<Task> _writes = [];
        private bool _isOpen;
        private bool _isClosed;
        private bool _isLossy;
        private int _refused;

        internal Run(int seed, SlowConsumerPolicy policy, bool isOpen)
        {
            (_seed, _random, _policy, _isOpen) = (seed, new(seed), policy, isOpen);
            _queue = new(isOpen ? Output(_stream) : null, new() { OutboundQueueBytes = 60_000, OutboundQueueFrames = 8, SlowConsumerPolicy = policy }, _owner);
        }

        internal async Task ToEndAsync()
        {
            for (var step = 0; step < Steps; step++)
            {
                await StepAsync(step);
            }

            await EndAsync();
            var written = _stream.Texts();
            var texts = written.Where(static text => text is not ("close" or "pong" or "ping")).ToArray();
            if (!_isLossy && _owner.Dropped == _refused)
            {
                Assert.Equal(_accepted, texts);
            }

            Assert.Equal(_accepted.Where(texts.Contains), texts); // in order, each once
            Assert.DoesNotContain(written.SkipWhile(static text => text != "close").Skip(1), static text => text is not ("pong" or "close"));
            Assert.Equal(_owner.Full, _policy == SlowConsumerPolicy.Close && _owner.Dropped > 0 ? 1 : 0);
        }

        internal void DoStepsAtOnce(int thread)
        {
            var random = new Random((_seed * 7) + thread);
            for (var step = 0; step < Steps; step++)
            {
                switch (random.Next(40))
                {
                    case < 25:
                        var frame = NewFrame($"{thread}:{step}", random.Next(4) == 0 ? 40_000 : 10);
                        _queue.TryEnqueue(frame);
                        _queue.Start();
                        break;
                    case < 30:
                        _queue.Ping();
                        break;
                    case < 34:
                        Note(_queue.WriteAsync(s_pong));
                        break;
                    case < 36:
                        _queue.Open(Output(_stream));
                        break;
                    case 36 when step > Steps / 2:
                        Note(_queue.WriteAsync(s_close));
                        break;
                    case 37 when step > Steps / 2:
                        _queue.DisposeAsync();
                        break;
                    case 38 when step > Steps / 2:
                        _queue.Abandon(new IOException("no answer"));
                        break;
                    case 39 when step > Steps / 2:
                        _stream.Break(new IOException("reset"));
                        break;
                }
            }
        }

        /// <summary>Lets everything end, and asserts that nothing is kept.</summary>
        internal async Task EndAsync()
        {
            _queue.Open(Output(_stream));
            _stream.Open();
            _queue.Start();
            await _queue.DrainAsync().WithinGuardAsync();
            await _queue.DisposeAsync().WithinGuardAsync();
            await Task.WhenAll(_writes).WithinGuardAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Assert.All(_writes, static write => Assert.True(write.IsCompleted));
            Assert.All(_frames, static frame => Assert.Equal(1, frame.References));
            _frames.ForEach(static frame => frame.Release());
            Assert.Equal(0, _queue.QueuedBytes);
            Assert.False(_queue.IsPingWaiting);
            Assert.InRange(_owner.Full, 0, 1);
            Assert.InRange(_owner.Failures.Count, 0, 1);
        }

        private async Task StepAsync(int step)
        {
            switch (_random.Next(40))
            {
                case < 22:
                    Send($"{step}", _random.Next(4) == 0 ? 40_000 : 10, starts: _random.Next(5) != 0);
                    break;
                case < 26:
                    _queue.Start();
                    break;
                case < 28:
                    _queue.Ping();
                    break;
                case < 30:
                    Note(_queue.WriteAsync(s_pong));
                    break;
                case < 32:
                    _stream.Shut();
                    break;
                case < 34:
                    _stream.Step();
                    break;
                case 34:
                    _stream.Open();
                    if (_isOpen)
                    {
                        _queue.Start();
                        await _queue.DrainAsync().WithinGuardAsync();
                        Assert.Equal(0, _queue.QueuedBytes);
                    }

                    break;
                case 35:
                    _queue.Open(Output(_stream));
                    _isOpen = true;
                    break;
                case 36 when step > Steps / 2:
                    Note(_queue.WriteAsync(s_close));
                    _isClosed = true;
                    break;
                case 37 when step > Steps / 2:
                    _queue.Complete();
                    _isClosed = true;
                    break;
                case 38 when step > Steps / 2:
                    Note(_queue.DisposeAsync());
                    _isClosed = _isLossy = true;
                    break;
                case 39 when step > Steps / 2:
                    _isClosed = _isLossy = true;
                    if (_isOpen)
                    {
                        _stream.Break(new IOException("reset"));
                    }
                    else
                    {
                        _queue.Abandon(new IOException("no answer"));
                    }

                    break;
            }
        }

        private void Send(string name, int length, bool starts)
        {
            var frame = NewFrame(name, length);
            if (_queue.TryEnqueue(frame))
            {
                Assert.False(_isClosed && !_isLossy, "A queue that was closed took a frame.");
                _accepted.Add(name.PadRight(length, '.'));
            }
            else if (!_isClosed)
            {
                _refused++;
                _isClosed = _isLossy = _policy == SlowConsumerPolicy.Close;
            }

            if (starts)
            {
                _queue.Start();
            }
        }

        private SharedFrame NewFrame(string name, int length)
        {
            var frame = SharedFrame.Encode(WebSocketMessage.Text(name.PadRight(length, '.')));
            lock (_frames)
            {
                _frames.Add(frame);
            }

            return frame;
        }

        private void Note(Task write)
        {
            lock (_frames)
            {
                _writes.Add(write);
            }
        }
    }
}

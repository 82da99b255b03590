using System.IO.Pipelines;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class PingStateTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly GatedStream _stream = new();
    private readonly HubOptions _options = new() { KeepAliveInterval = TimeSpan.FromSeconds(8), KeepAliveTimeout = TimeSpan.FromSeconds(8), OutboundQueueBytes = 1 << 24 };
    private readonly TapStream _tap;
    private readonly OutboundQueue _queue;
    private PingState _pings;
    private long _waitingSince = 1;

    public PingStateTests()
    {
        var output = PipeWriter.Create(_stream, new(minimumBufferSize: OutboundQueue.JoinBytes));
        _tap = new(_stream, output, _time);
        _queue = new(output, _options, new QueueOwner());
    }

    [Fact]
    public void Client_Silent_IsPingedOnceAndFailsAfterTheTimeout()
    {
        Assert.False(HasFailedAfter(7));
        Assert.Empty(_stream.Writes);
        Assert.False(HasFailedAfter(1));
        Assert.False(HasFailedAfter(7));
        Assert.Equal(["ping"], _stream.Texts());

        Assert.True(HasFailedAfter(1));
    }

    [Fact]
    public async Task Client_AnswersAPing_IsPingedAgainOnlyWhenSilentAgain()
    {
        Assert.False(HasFailedAfter(8));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, await _tap.ReadAsync(new byte[1], TestContext.Current.CancellationToken));

        Assert.False(HasFailedAfter(7));
        Assert.Equal(["ping"], _stream.Texts());
        Assert.False(HasFailedAfter(1));
        Assert.Equal(["ping", "ping"], _stream.Texts());
    }

    [Fact]
    public void Handler_Busy_TakesNothingOfTheClientsTime()
    {
        Assert.False(HasFailedAfter(8));

        Assert.False(HasFailedAfter(1_000, isReading: false));
        Assert.False(HasFailedAfter(0));
        Assert.False(HasFailedAfter(7));
    }

    [Fact]
    public async Task Ping_BehindALargeFrameThatASlowClientTakesBitByBit_CountsFromWhenItIsWritten()
    {
        const int Pieces = 10;
        using var large = SharedFrame.Encode(WebSocketMessage.Binary(new byte[Pieces * OutboundQueue.JoinBytes]));
        _stream.Shut();
        Assert.True(_queue.TryEnqueue(large));
        _queue.Start();
        Assert.False(HasFailedAfter(8));
        Assert.True(_queue.IsPingWaiting);

        for (var piece = 2; _queue.IsPingWaiting; piece++)
        {
            Assert.False(HasFailedAfter(7)); // much longer in all than an answer may take
            var writes = _stream.Writes.Count;
            _stream.Step();
            await Testing.Eventually.TrueAsync(() => _stream.Writes.Count > writes || !_queue.IsPingWaiting, "the client has taken a piece");
        }

        Assert.False(HasFailedAfter(7));
        Assert.False(HasFailedAfter(7));
        Assert.True(HasFailedAfter(1));
    }

    [Fact]
    public void Ping_BehindAFrameThatTheClientDoesNotTake_FailsAfterTheTimeout()
    {
        using var large = SharedFrame.Encode(WebSocketMessage.Binary(new byte[10 * OutboundQueue.JoinBytes]));
        _stream.Shut();
        Assert.True(_queue.TryEnqueue(large));
        _queue.Start();
        Assert.False(HasFailedAfter(8));

        Assert.False(HasFailedAfter(7));
        Assert.True(HasFailedAfter(1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Handler_BusyStreamingToAClientThatTakesNothing_FailsAfterTheTimeout(bool pingIsWritten)
    {
        using var large = SharedFrame.Encode(WebSocketMessage.Binary(new byte[10 * OutboundQueue.JoinBytes]));
        if (pingIsWritten)
        {
            Assert.False(HasFailedAfter(8, isReading: false));
            Assert.False(HasFailedAfter(1_000, isReading: false)); // with nothing to take
            Assert.False(_queue.IsPingWaiting);
        }

        _stream.Shut();
        Assert.True(_queue.TryEnqueue(large));
        _queue.Start();
        if (!pingIsWritten)
        {
            Assert.False(HasFailedAfter(8, isReading: false));
            Assert.True(_queue.IsPingWaiting);
        }

        Assert.False(HasFailedAfter(7, isReading: false));
        Assert.True(HasFailedAfter(1, isReading: false));
    }

    /// <summary>Looks after the client once, after some seconds.</summary>
    private bool HasFailedAfter(int seconds, bool isReading = true)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        var now = _time.GetTimestamp();
        _waitingSince = !isReading ? 0 : _waitingSince == 0 ? now : _waitingSince;
        return _pings.HasFailed(_tap, _queue, _waitingSince, _options, _time, now);
    }
}

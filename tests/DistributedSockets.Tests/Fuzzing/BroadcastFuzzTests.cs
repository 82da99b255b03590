using DistributedSockets.Testing;
using DistributedSockets.Fuzzing;
using FsCheck;
using FsCheck.Fluent;

namespace DistributedSockets.Tests;

/// <summary>What anyone may broadcast on a transport of which a <see cref="BroadcastBackplane"/> hears everything.</summary>
public sealed class BroadcastFuzzTests : IAsyncDisposable
{
    private const string Channel = "fuzz:v1:chat:all";

    private readonly LoopBackplane _backplane = new();
    private readonly CountingReceiver _received = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync() => await _backplane.DisposeAsync();

    [Fact]
    public async Task Receive_AnyBytes_PassesOnOrReportsAndAllocatesLittle()
    {
        await _backplane.StartAsync(_received, Cancellation);
        await _backplane.SubscribeAsync(Channel, Cancellation);

        Fuzz.Bytes(Corpus.Load("Broadcasts"), 50_000, 200, bytes =>
        {
            var before = _received.Payloads + _received.Losses;
            Allocations.AssertBounded(0, 0, 1_024, () => _backplane.Receive(bytes));
            if (bytes.Length < 2 || bytes.Length - 2 < BitConverter.ToUInt16(bytes))
            {
                Assert.True(_received.Payloads + _received.Losses > before, "Bytes that are no broadcast were not reported.");
            }
        });

        Assert.True(_received.Losses > 0);
        Assert.True(_received.Payloads > 0);
    }

    [Fact]
    public async Task Publish_AnyChannelAndPayload_ArriveAsTheyWere()
    {
        await _backplane.StartAsync(_received, Cancellation);
        var sent = from channel in HostileNames.Gen
                   from payload in ArbMap.Default.GeneratorFor<byte[]>()
                   select (channel, payload);

        Fuzz.Values(sent.ToArbitrary(), 300, broadcast =>
        {
            _backplane.SubscribeAsync(broadcast.channel, Cancellation).AsTask().Wait(Cancellation);
            _backplane.PublishAsync(broadcast.channel, broadcast.payload, Cancellation).AsTask().Wait(Cancellation);
            Assert.Equal(broadcast.channel, _received.LastChannel);
            Assert.Equal(broadcast.payload, _received.LastPayload.ToArray());
            for (var cut = 0; cut < _backplane.Last.Length - broadcast.payload.Length; cut++)
            {
                var before = _received.Payloads;
                _backplane.Receive(_backplane.Last[..cut]);
                Assert.Equal(before, _received.Payloads);
            }
        });
        Assert.Equal(0, _received.Unavailable);
    }

    /// <summary>Hears itself at once.</summary>
    private sealed class LoopBackplane : BroadcastBackplane
    {
        public override string System => "loop";

        internal byte[] Last { get; private set; } = [];

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

        internal void Receive(ReadOnlyMemory<byte> payload) => OnBroadcastReceived(payload);

        protected override ValueTask StartTransportAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        protected override ValueTask BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
        {
            Last = payload.ToArray();
            OnBroadcastReceived(Last);
            return ValueTask.CompletedTask;
        }
    }

    private sealed class CountingReceiver : IBackplaneReceiver
    {
        internal int Payloads { get; private set; }

        internal int Losses { get; private set; }

        internal int Unavailable { get; private set; }

        internal string LastChannel { get; private set; } = "";

        internal ReadOnlyMemory<byte> LastPayload { get; private set; }

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
        {
            Payloads++;
            (LastChannel, LastPayload) = (channel, payload);
        }

        public void OnUnavailable(Exception? cause) => Unavailable++;

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description) => Losses++;
    }
}

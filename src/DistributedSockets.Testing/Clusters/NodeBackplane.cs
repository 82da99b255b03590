namespace DistributedSockets.Testing;

/// <summary>The backplane of a node that can be killed: nothing of it returns afterwards.</summary>
internal sealed class NodeBackplane(FaultyBackplane inner, CrashGate gate) : IBackplane
{
    internal FaultyBackplane Inner => inner;

    public string System => inner.System;

    public string? Reach => inner.Reach;

    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default) => inner.StartAsync(receiver, cancellationToken);

    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        return gate.IsCrashed ? NeverAsync() : inner.PublishAsync(channel, payload, cancellationToken);

        async ValueTask<PublishResult> NeverAsync()
        {
            await gate.PassAsync(cancellationToken);
            return PublishResult.Taken;
        }
    }

    public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) =>
        gate.IsCrashed ? gate.PassAsync(cancellationToken) : inner.SubscribeAsync(channel, cancellationToken);

    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) =>
        gate.IsCrashed ? gate.PassAsync(cancellationToken) : inner.UnsubscribeAsync(channel, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Ends subscriptions one by one while the connection lives; when it is closed it takes them all with it.</summary>
/// <remarks>A closing connection would else write an UNSUB for each, to nobody, and wait for room in its buffer.</remarks>
internal sealed class NatsRemovals(INatsSubscriptionManager manager) : INatsSubscriptionManager
{
    private volatile bool _isClosing;

    public void BeginClose() => _isClosing = true;

    public ValueTask RemoveAsync(NatsSubBase sub) => _isClosing ? ValueTask.CompletedTask : manager.RemoveAsync(sub);
}

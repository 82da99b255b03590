using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>A channel to which only this node listens. What comes back through it proves that its server delivers.</summary>
internal sealed class RedisLogProbe
{
    private readonly TimeProvider _time;
    private volatile RedisProof? _proof;

    public RedisLogProbe(string name, RedisChannel channel, TimeSpan timeout, TimeProvider time)
    {
        _time = time;
        Subscription = new(name, channel, (_, payload) => _proof?.Receive(payload.Span), new(), timeout, time); // its own inbox: however much arrives, the marker is not held up
    }

    public RedisSubscription Subscription { get; }

    /// <summary>Whether a marker came back. If a connection is lost meanwhile, it did not.</summary>
    public async Task<bool> ProveAsync(RedisLogServer server, TimeSpan limit, CancellationToken cancellationToken)
    {
        var proof = new RedisProof();
        _proof = proof;
        await server.Subscriber.PublishAsync(Subscription.Channel, proof.Marker, server.Placement).WithinAsync(limit, _time, cancellationToken).ConfigureAwait(false);
        return await proof.Returned.WaitAsync(limit, _time, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends a proof under way: a connection was lost.</summary>
    public void Fail() => _proof?.Fail();
}

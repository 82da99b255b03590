namespace DistributedSockets;

/// <summary>Carries envelopes between the nodes of a cluster.</summary>
/// <remarks>
/// Delivery is at most once. Payloads that one node publishes on one channel arrive in the order of the calls to
/// <see cref="PublishAsync"/>; across channels and across publishers there is no order. A payload published after
/// <see cref="SubscribeAsync"/> has completed reaches that subscriber. All members may be called concurrently, but
/// the caller never overlaps calls to <see cref="SubscribeAsync"/> and <see cref="UnsubscribeAsync"/> for the same channel.
/// After an outage the implementation restores its subscriptions by itself.
/// <para>
/// It may be disposed at any time, more than once and from several threads, also while calls run: they end. When disposal has
/// completed, its receiver is called no more, the other nodes go on, and nothing holds the object. A publish is then refused, by an
/// <see cref="ObjectDisposedException"/> or a <see cref="BackplaneUnavailableException"/>; so may be any other call, which has no effect.
/// An implementation needs only <see cref="IAsyncDisposable.DisposeAsync"/>: disposed synchronously, as by a service provider that is not
/// disposed asynchronously, it is waited for, but for no longer than 5 seconds.
/// </para>
/// </remarks>
public interface IBackplane : IAsyncDisposable, IDisposable
{
    /// <summary>A short lower-case name of the transport for metrics and logs, such as <c>redis</c>.</summary>
    string System { get; }

    /// <summary>
    /// What the nodes of a cluster must have in common to hear each other over this transport, besides its address, as a short text: letters,
    /// digits, spaces and <c>_.:=/-</c>, at most 200. <see langword="null"/> if there is nothing.
    /// </summary>
    /// <remarks>
    /// Nodes compare it by way of the session store, and report others that have another. It is logged, so it must hold no secret. It does
    /// not change while the backplane runs.
    /// </remarks>
    string? Reach => null;

    /// <summary>Starts the backplane. Called once, before any other member.</summary>
    /// <param name="receiver">Takes what arrives, and hears of outages.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <remarks>
    /// A transport that is away must not fail the start: begin connecting, report
    /// <see cref="IBackplaneReceiver.OnUnavailable"/>, and go on trying.
    /// </remarks>
    ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default);

    /// <summary>Publishes one payload to every node subscribed to <paramref name="channel"/>, this one included.</summary>
    /// <param name="channel">The channel, 1 to 1,024 bytes of UTF-8, compared ordinally.</param>
    /// <param name="payload">The encoded envelope. Borrowed: it stays unchanged until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait. A payload already handed to the transport may still arrive.</param>
    /// <returns>
    /// That the transport has taken the payload and, if it can count them, by how many nodes it saw it taken. Zero may be a node that lives
    /// and is cut off: the library asks the session store before it calls anybody gone. Delivery comes later.
    /// </returns>
    /// <exception cref="BackplaneUnavailableException">The transport is down or did not answer in time.</exception>
    /// <exception cref="BackplaneRefusedException">The transport is there and refuses the payload, such as for lack of permissions.</exception>
    ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default);

    /// <summary>Subscribes this node to a channel. Subscribing twice is the same as once.</summary>
    /// <param name="channel">The channel, 1 to 1,024 bytes of UTF-8, taken literally.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <remarks>
    /// A backplane that filters at the node needs no word from its transport: it may accept a channel during an outage, which is then in
    /// force when the transport is back.
    /// </remarks>
    /// <exception cref="BackplaneUnavailableException">The transport is down. The channel is not subscribed, now or later.</exception>
    /// <exception cref="BackplaneRefusedException">
    /// The transport is there and refuses the channel, such as for lack of permissions. The channel is not subscribed, now or later; the caller
    /// may ask again. One that is refused only later, as after a reconnect, is reported by <see cref="IBackplaneReceiver.OnSubscriptionRefused"/>.
    /// </exception>
    ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default);

    /// <summary>Ends this node's subscription to a channel. Does nothing for a channel that is not subscribed.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <remarks>An outage is no error here: a channel given up while the transport is away is not restored.</remarks>
    ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default);

    /// <summary>Disposes and waits for it, but for no longer than 5 seconds; what takes longer goes on.</summary>
    void IDisposable.Dispose() => SyncDisposal.Dispose(this);
}

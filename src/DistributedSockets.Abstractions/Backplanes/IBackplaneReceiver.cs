namespace DistributedSockets;

/// <summary>What a backplane hands its events to. Implemented by the library, called by a backplane.</summary>
/// <remarks>No member blocks, waits or throws, so a transport's reader may call it directly.</remarks>
public interface IBackplaneReceiver
{
    /// <summary>Hands over a payload that arrived on a subscribed channel.</summary>
    /// <param name="channel">The channel it arrived on.</param>
    /// <param name="payload">The payload. Ownership moves: the backplane must neither change nor reuse the memory afterwards.</param>
    /// <remarks>Call it in arrival order per channel, and never concurrently for one channel.</remarks>
    void OnReceived(string channel, ReadOnlyMemory<byte> payload);

    /// <summary>Reports that the transport is away: publishes fail, and payloads from other nodes may be lost.</summary>
    /// <param name="cause">What the transport reported, if anything. Its message stands in the health check, so it must hold no secret.</param>
    /// <remarks>May be called again while the transport is away, with a newer cause.</remarks>
    void OnUnavailable(Exception? cause);

    /// <summary>
    /// Reports that a part of the transport is away, such as one of several servers: publishes and subscriptions of some channels fail,
    /// those of others work.
    /// </summary>
    /// <param name="cause">Which part, and what it reported, if anything. Its message stands in the health check, so it must hold no secret.</param>
    /// <remarks>
    /// Ends with <see cref="OnAvailable"/>; may be called again as parts come and go, also after <see cref="OnUnavailable"/> when a part is
    /// back. Report what a part may have lost by <see cref="OnPossibleLoss(string, DateTimeOffset)"/> when it returns before the others.
    /// </remarks>
    void OnPartlyUnavailable(Exception? cause) => OnUnavailable(cause);

    /// <summary>Reports that the transport is back and every subscription is in force again.</summary>
    /// <remarks>Payloads published meanwhile may be lost; the library reports that to the app.</remarks>
    void OnAvailable();

    /// <summary>Reports that payloads may have been lost although the transport stayed up, such as after a transport-side drop.</summary>
    /// <param name="description">What happened, for the log.</param>
    void OnPossibleLoss(string description);

    /// <summary>Reports that payloads may have been lost from a moment until now although the transport stayed up.</summary>
    /// <param name="description">What happened, for the log.</param>
    /// <param name="since">From when on.</param>
    void OnPossibleLoss(string description, DateTimeOffset since) => OnPossibleLoss(description);

    /// <summary>
    /// Reports that a channel that was subscribed is so no more, as the transport has come to refuse it: after a reconnect, or because
    /// permissions have changed.
    /// </summary>
    /// <param name="channel">The channel. The library asks for it again for as long as it is needed here.</param>
    /// <param name="cause">The words of the transport. They stand in the health check, so they must hold no secret.</param>
    void OnSubscriptionRefused(string channel, BackplaneRefusedException cause) => OnPossibleLoss(cause.Message);
}

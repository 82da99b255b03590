namespace DistributedSockets;

/// <summary>Passes what a <see cref="TransportMonitor"/> tells of on to the receiver of a message log. A log has no loss to report: it is read.</summary>
internal sealed class NatsLogReports(IMessageLogReceiver receiver) : IBackplaneReceiver
{
    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        // Nothing comes by channels.
    }

    public void OnUnavailable(Exception? cause) => receiver.OnUnavailable(cause);

    public void OnAvailable() => receiver.OnAvailable();

    public void OnPossibleLoss(string description)
    {
        // See above.
    }
}

namespace DistributedSockets;

/// <summary>What happens to a client that sends more per second than it may.</summary>
public enum ReceiveRatePolicy
{
    /// <summary>Nothing more is read from it for a while; what it sends waits, in the end at the client. No message is lost.</summary>
    Pause,

    /// <summary>The connection is closed with 1008; the message that was too much is not handled.</summary>
    Close,
}

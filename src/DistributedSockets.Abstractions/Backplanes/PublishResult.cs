namespace DistributedSockets;

/// <summary>What a transport says of a payload that it has taken.</summary>
public readonly struct PublishResult
{
    private readonly long _receiversAndOne; // so that the default says nothing of receivers

    private PublishResult(long receivers) => _receiversAndOne = receivers + 1;

    /// <summary>The transport has taken the payload, and cannot tell who listens.</summary>
    public static PublishResult Taken => default;

    /// <summary>
    /// To how many nodes the transport passed the payload, the publisher's own included if it subscribes to the channel;
    /// <see langword="null"/> if it cannot tell.
    /// </summary>
    /// <remarks>
    /// Zero says that the transport saw no subscriber at that moment. It does not say that there is none: one that lives may be cut off just
    /// then. So nobody may be called gone for it alone.
    /// </remarks>
    public long? Receivers => _receiversAndOne == 0 ? null : _receiversAndOne - 1;

    /// <summary>The transport has taken the payload and counted whom it passed it to.</summary>
    /// <param name="receivers">How many nodes, the publisher's own included if it subscribes to the channel; 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static PublishResult Counted(long receivers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(receivers);
        return new(receivers);
    }

    /// <inheritdoc/>
    public override string ToString() => Receivers is { } receivers ? $"taken, {receivers} receivers" : "taken";
}

namespace DistributedSockets;

/// <summary>What a message log hands its events to. Implemented by the library, called by a log.</summary>
/// <remarks>No member blocks, waits or throws, so a transport's reader may call it directly.</remarks>
public interface IMessageLogReceiver
{
    /// <summary>Hands over an entry of a subscribed hub.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="epoch">The epoch of the hub's log.</param>
    /// <param name="entry">The entry. Ownership of its payload moves: the log must neither change nor reuse the memory afterwards.</param>
    /// <remarks>
    /// Call it in the order of offsets, each entry once, exactly as reading gives it, and never concurrently for one hub. Around an outage
    /// entries may be left out, which is seen by <see cref="LogEntry.PreviousOffset"/> of the next one, and they are read; or come again, and
    /// are dropped. Behind an entry of a larger epoch comes none of a smaller one.
    /// </remarks>
    void OnAppended(string hub, long epoch, in LogEntry entry);

    /// <summary>Reports that the log is away: nothing can be appended or read, or entries do not arrive.</summary>
    /// <param name="cause">What was reported, if anything. Its message stands in the health check, so it must hold no secret.</param>
    /// <remarks>May be called again while the log is away, with a newer cause.</remarks>
    void OnUnavailable(Exception? cause);

    /// <summary>Reports that the log is back and every subscription is in force again; whatever was left out meanwhile is read.</summary>
    void OnAvailable();
}

namespace DistributedSockets;

/// <summary>A change on its way to the observers.</summary>
/// <param name="change">The change.</param>
/// <param name="observers">How many are told.</param>
/// <param name="onTold">Called when all of them have been.</param>
internal sealed class PresenceNotice(PresenceChange change, int observers, Action onTold)
{
    private int _left = observers;

    internal PresenceChange Change => change;

    /// <summary>One more has been told, or never will be.</summary>
    internal void End()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            onTold();
        }
    }
}

namespace DistributedSockets;

/// <summary>A stretch of code that settles an order under a lock, as a thread goes through it: nothing is written to a socket inside.</summary>
/// <remarks>
/// A transport reads on threads of its own, which are never inside. On the in-memory backplane the thread that sends delivers to the
/// other nodes as well, and a socket of theirs that does not take what is written must hold up neither the sender nor its lock.
/// </remarks>
internal static class OrderSection
{
    [ThreadStatic]
    private static int s_depth;

    /// <summary>Whether this thread is inside of one.</summary>
    internal static bool IsInside => s_depth > 0;

    internal static void Enter() => s_depth++;

    internal static void Exit() => s_depth--;
}

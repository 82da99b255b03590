namespace DistributedSockets.Testing;

/// <summary>Finds out what is still held.</summary>
internal static class Garbage
{
    /// <summary>How many of the objects are left after a collection.</summary>
    /// <param name="references">The objects.</param>
    public static int CountAlive(WeakReference[] references)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return references.Count(static reference => reference.IsAlive);
    }
}

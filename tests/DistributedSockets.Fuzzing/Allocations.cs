namespace DistributedSockets.Fuzzing;

/// <summary>Measures what a call allocates.</summary>
public static class Allocations
{
    /// <summary>Calls, and fails if the call allocates more than a small multiple of the input's size.</summary>
    /// <param name="inputBytes">The size of the input.</param>
    /// <param name="multiple">How many bytes for each of the input.</param>
    /// <param name="allowance">How many bytes besides.</param>
    /// <param name="call">The call. It is made again if the first one took too much, as that may be what the runtime does once.</param>
    public static void AssertBounded(int inputBytes, int multiple, int allowance, Action call)
    {
        var limit = ((long)multiple * inputBytes) + allowance;
        var allocated = Measure(call);
        if (allocated > limit)
        {
            allocated = Math.Min(allocated, Measure(call));
        }

        Assert.True(allocated <= limit, $"{inputBytes} bytes made it allocate {allocated} bytes; {limit} are allowed.");
    }

    private static long Measure(Action call)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        call();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}

namespace DistributedSockets.Benchmarks.Load;

/// <summary>Deliveries that are not as they should be.</summary>
internal sealed class DeliveryFaults
{
    public long Duplicates { get; set; }

    /// <summary>Came to a connection that was no receiver.</summary>
    public long Misdelivered { get; set; }

    /// <summary>Another content than was sent.</summary>
    public long Damaged { get; set; }

    /// <summary>Came before an earlier one of the same flow. No fault where no order is promised.</summary>
    public long Reordered { get; set; }

    public void Clear() => Duplicates = Misdelivered = Damaged = Reordered = 0;
}

namespace DistributedSockets.Benchmarks.Load;

/// <summary>When the next message of which flow is sent.</summary>
internal abstract class LoadPace
{
    /// <summary>Sends what can go at once.</summary>
    public virtual void Start(IReadOnlyList<Flow> flows, LoadClient client)
    {
    }

    /// <summary>Sends what is due.</summary>
    /// <returns>How long until more is due; null if the clock does not decide.</returns>
    public virtual TimeSpan? SendDue(LoadClient client, long now) => null;

    /// <summary>A message has reached everyone.</summary>
    public virtual void OnComplete(Flow flow, LoadClient client, long now)
    {
    }
}

using System.Diagnostics;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>A fixed number of messages per second, the flows in turns.</summary>
/// <remarks>A message counts as sent when it was due, however late it went out, so that a server that stands still does not look quick.</remarks>
internal sealed class RatePace(double perSecond) : LoadPace
{
    private IReadOnlyList<Flow> _flows = [];
    private double _due;
    private int _turn;

    public double PerSecond => perSecond;

    /// <summary>Messages that were due, but not sent since too many were outstanding.</summary>
    public long Skipped { get; private set; }

    public override void Start(IReadOnlyList<Flow> flows, LoadClient client)
    {
        _flows = flows;
        _due = Stopwatch.GetTimestamp();
    }

    public override TimeSpan? SendDue(LoadClient client, long now)
    {
        var interval = Stopwatch.Frequency / perSecond;
        for (; _due <= now; _due += interval)
        {
            var flow = _flows[_turn++ % _flows.Count];
            if (flow.CanSend)
            {
                client.Send(flow, (long)_due);
            }
            else
            {
                Skipped++;
            }
        }

        return Stopwatch.GetElapsedTime(now, (long)_due);
    }
}

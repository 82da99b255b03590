using System.Diagnostics;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>As fast as it goes, with a number of messages outstanding in each flow, or over all flows in turns.</summary>
/// <param name="perFlow">Outstanding messages per flow.</param>
/// <param name="flowsAtOnce">How many flows send at a time; null for all.</param>
internal sealed class WindowPace(int perFlow, int? flowsAtOnce = null) : LoadPace
{
    private IReadOnlyList<Flow> _flows = [];
    private int _turn;

    public override void Start(IReadOnlyList<Flow> flows, LoadClient client)
    {
        _flows = flows;
        var now = Stopwatch.GetTimestamp();
        for (_turn = 0; _turn < Math.Min(flows.Count, flowsAtOnce ?? flows.Count); _turn++)
        {
            for (var i = 0; i < perFlow; i++)
            {
                client.Send(flows[_turn], now);
            }
        }
    }

    public override void OnComplete(Flow flow, LoadClient client, long now)
    {
        if (flowsAtOnce is null)
        {
            client.Send(flow, now);
            return;
        }

        client.Send(_flows[_turn++ % _flows.Count], now);
    }
}

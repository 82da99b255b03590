using System.Diagnostics;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>As fast as it goes: so many senders, each of which has so many messages outstanding and goes through its flows in turns.</summary>
/// <param name="window">Outstanding messages of each sender.</param>
/// <param name="senders">How many there are: flow n belongs to sender n modulo this number. Null for one for each flow.</param>
internal sealed class WindowPace(int window, int? senders = null) : LoadPace
{
    private IReadOnlyList<Flow> _flows = [];
    private int[] _next = []; // flow of each sender

    public int Window => window;

    public int? Senders => senders;

    public override void Start(IReadOnlyList<Flow> flows, LoadClient client)
    {
        _flows = flows;
        _next = [.. Enumerable.Range(0, Math.Min(flows.Count, senders ?? flows.Count))];
        var now = Stopwatch.GetTimestamp();
        for (var i = 0; i < window * _next.Length; i++)
        {
            Send(i % _next.Length, client, now);
        }
    }

    public override void OnComplete(Flow flow, LoadClient client, long now) => Send((int)(flow.Id % _next.Length), client, now);

    private void Send(int sender, LoadClient client, long now)
    {
        var flow = _next[sender];
        _next[sender] = flow + _next.Length < _flows.Count ? flow + _next.Length : sender;
        client.Send(_flows[flow], now);
    }
}

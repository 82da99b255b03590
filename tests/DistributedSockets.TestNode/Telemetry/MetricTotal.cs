using System.Diagnostics.Metrics;

namespace DistributedSockets.TestNode;

/// <summary>The running total of one instrument. Adding is on the path of messages, so whole numbers take no lock.</summary>
internal sealed class MetricTotal(MetricKind kind)
{
    private readonly Lock _gate = new();
    private long _count;
    private long _whole;
    private double _fraction;

    public MetricKind Kind => kind;

    public double Count => Interlocked.Read(ref _count);

    public double Sum
    {
        get
        {
            lock (_gate)
            {
                return Interlocked.Read(ref _whole) + _fraction;
            }
        }
    }

    public static MetricKind KindOf(Instrument instrument)
    {
        if (instrument.IsObservable)
        {
            return MetricKind.Observed;
        }

        var type = instrument.GetType();
        return type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Histogram<>) ? MetricKind.Distribution : MetricKind.Sum;
    }

    public void Add(long value)
    {
        if (kind == MetricKind.Distribution)
        {
            Interlocked.Increment(ref _count);
        }

        Interlocked.Add(ref _whole, value);
    }

    public void Add(double value)
    {
        lock (_gate)
        {
            _count++;
            _fraction += value;
        }
    }

    /// <summary>Forgets observed values, which are about to be given anew.</summary>
    public void BeginRead()
    {
        if (kind == MetricKind.Observed)
        {
            lock (_gate)
            {
                Interlocked.Exchange(ref _whole, 0);
                _fraction = 0;
            }
        }
    }
}

using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace DistributedSockets.TestNode;

/// <summary>The library's meters, each summed over its tags. A histogram has a count and a sum.</summary>
internal sealed class LibraryMetrics : IDisposable
{
    private readonly ConcurrentDictionary<string, MetricTotal> _totals = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private readonly Lock _reading = new();

    public LibraryMetrics()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "DistributedSockets")
            {
                listener.EnableMeasurementEvents(instrument, _totals.GetOrAdd(instrument.Name, static (_, kind) => new(kind), MetricTotal.KindOf(instrument)));
            }
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, _, state) => (state as MetricTotal)?.Add(value));
        _listener.SetMeasurementEventCallback<int>(static (_, value, _, state) => (state as MetricTotal)?.Add(value));
        _listener.SetMeasurementEventCallback<double>(static (_, value, _, state) => (state as MetricTotal)?.Add(value));
        _listener.SetMeasurementEventCallback<float>(static (_, value, _, state) => (state as MetricTotal)?.Add(value));
        _listener.Start();
    }

    public void CopyTo(IDictionary<string, double> values)
    {
        lock (_reading)
        {
            foreach (var total in _totals.Values)
            {
                total.BeginRead();
            }

            _listener.RecordObservableInstruments();
            foreach (var (name, total) in _totals)
            {
                if (total.Kind == MetricKind.Distribution)
                {
                    values[$"{name}.count"] = total.Count;
                    values[$"{name}.sum"] = total.Sum;
                }
                else
                {
                    values[name] = total.Sum;
                }
            }
        }
    }

    public void Dispose() => _listener.Dispose();
}

using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Adds up one counter of one node, and keeps nothing but the sums.</summary>
internal sealed class MetricSum : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _byReason = new(StringComparer.Ordinal);
    private long _value;

    internal MetricSum(AppNode node, string instrument)
    {
        var factory = node.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (published.Name == instrument && ReferenceEquals(published.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(published);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, measurement, tags, _) =>
        {
            Interlocked.Add(ref _value, measurement);
            foreach (var (key, value) in tags)
            {
                if (key == "distributed_sockets.drop_reason")
                {
                    _byReason.AddOrUpdate((string)value!, measurement, (_, sum) => sum + measurement); // the tag is never empty
                }
            }
        });
        _listener.Start();
    }

    internal long Value => Volatile.Read(ref _value);

    /// <summary>The part with a certain drop reason.</summary>
    internal long Of(string reason) => _byReason.GetValueOrDefault(reason);

    public void Dispose() => _listener.Dispose();
}

using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Adds up one counter of one node, and keeps nothing but the sum.</summary>
internal sealed class MetricSum : IDisposable
{
    private readonly MeterListener _listener = new();
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
        _listener.SetMeasurementEventCallback<long>((_, measurement, _, _) => Interlocked.Add(ref _value, measurement));
        _listener.Start();
    }

    internal long Value => Volatile.Read(ref _value);

    public void Dispose() => _listener.Dispose();
}

using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Listens to instruments of one node, to all of ours if none is named, and throws at each measurement: code of the app's that runs in the midst of ours.</summary>
internal sealed class ThrowingListener : IDisposable
{
    private readonly MeterListener _listener = new();

    internal ThrowingListener(AppNode node, params string[] instruments)
    {
        var factory = node.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if ((instruments.Length == 0 ? instrument.Meter.Name == "DistributedSockets" : instruments.Contains(instrument.Name)) && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => throw new InvalidOperationException("A listener that throws."));
        _listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => throw new InvalidOperationException("A listener that throws."));
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();
}

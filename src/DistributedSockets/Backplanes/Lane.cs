using System.Diagnostics;
using System.Threading.Channels;

namespace DistributedSockets;

/// <summary>Delivers the envelopes of its share of nodes and hubs one after the other. Bounded: what does not fit is refused.</summary>
internal sealed class Lane(
    int capacity, EnvelopeDispatcher dispatcher, DistributedWebSocketsMetrics metrics, TimeProvider time, Action<Exception?> unreadable)
{
    private readonly ServedConnections _served = new(time);
    private readonly Channel<Item> _items = Channel.CreateBounded<Item>(new BoundedChannelOptions(capacity) { SingleReader = true });
    private Task _loop = Task.CompletedTask;

    internal void Start() => _loop = Task.Run(RunAsync);

    internal bool TryAdd(HubRegistry hub, ReadOnlyMemory<byte> envelope) =>
        _items.Writer.TryWrite(new(hub, envelope, metrics.IsLagMeasured ? Stopwatch.GetTimestamp() : 0));

    /// <summary>Lets go of what it need not remember any more.</summary>
    internal void Trim() => _served.Trim();

    /// <summary>Delivers what waits and ends.</summary>
    internal Task StopAsync()
    {
        _items.Writer.TryComplete();
        return _loop;
    }

    private async Task RunAsync()
    {
        while (await _items.Reader.WaitToReadAsync())
        {
            while (_items.Reader.TryRead(out var item))
            {
                try
                {
                    if (item.ArrivedAt != 0)
                    {
                        metrics.Lagged(Stopwatch.GetElapsedTime(item.ArrivedAt));
                    }

                    if (!dispatcher.TryDispatch(item.Hub, item.Envelope, _served))
                    {
                        unreadable(null);
                    }
                }
                catch (Exception exception)
                {
                    unreadable(exception);
                }
            }
        }
    }

    private readonly record struct Item(HubRegistry Hub, ReadOnlyMemory<byte> Envelope, long ArrivedAt);
}

namespace DistributedSockets.ClusterTests;

/// <summary>What senders, receivers and nodes say about one run. Each of them writes concurrently.</summary>
internal sealed class History
{
    private readonly Lock _gate = new();
    private readonly List<HistoryReceiver> _receivers = [];
    private readonly List<HistorySend> _sends = [];
    private readonly List<HistoryDelivery> _deliveries = [];
    private readonly HashSet<HistoryLoss> _losses = [];

    public void Add(HistoryReceiver receiver)
    {
        lock (_gate)
        {
            _receivers.Add(receiver);
        }
    }

    public void Add(HistorySend send)
    {
        lock (_gate)
        {
            _sends.Add(send);
        }
    }

    public void Add(HistoryDelivery delivery)
    {
        lock (_gate)
        {
            _deliveries.Add(delivery);
        }
    }

    /// <summary>Adds a window; one that is known already is the same.</summary>
    public void Add(HistoryLoss loss)
    {
        lock (_gate)
        {
            _losses.Add(loss);
        }
    }

    /// <summary>What has been written so far.</summary>
    public (HistoryReceiver[] Receivers, HistorySend[] Sends, HistoryDelivery[] Deliveries, HistoryLoss[] Losses) Snapshot()
    {
        lock (_gate)
        {
            return ([.. _receivers], [.. _sends], [.. _deliveries], [.. _losses]);
        }
    }
}

using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Has a hub's whole log sent to this node, in order: by one consumer of its stream, which is made anew behind the last entry when it breaks.</summary>
internal sealed class NatsLogFeed(NatsHubLog log, NatsLogApi api, IMessageLogReceiver receiver, ILogger logger, RareLog failures, Action onBroken)
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(7); // three heartbeats
    private static readonly TimeSpan InactiveThreshold = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _turn = new(1);
    private NatsLogFeedSubscription? _subscription;
    private NatsLogStream? _stream;
    private string? _consumer;
    private long _next;
    private bool _isEnded;

    public string Hub => log.Hub.Name;

    /// <summary>Whether entries arrive, as far as can be seen.</summary>
    public bool IsWhole => Volatile.Read(ref _subscription) is { IsBroken: false } subscription
        && api.Time.GetElapsedTime(subscription.HeardAt) < Silence
        && _stream?.Epoch == log.LatestEpoch;

    /// <summary>Whether entries have arrived, or would have.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Sees to it that entries arrive: from now on if they never did, else from the last one on.</summary>
    public async Task EnsureAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsWhole && !_isEnded)
            {
                await BeginAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Notes that the connection was lost, and with it perhaps entries.</summary>
    public void Break() => Volatile.Read(ref _subscription)?.Break();

    /// <summary>Hands over nothing more.</summary>
    public void Close()
    {
        _isEnded = true;
        Volatile.Read(ref _subscription)?.Close();
    }

    /// <summary>Hands over nothing more, and gives the subscription and the consumer up.</summary>
    public Task EndAsync()
    {
        _isEnded = true;
        var (stream, consumer) = (_stream, _consumer);
        var ending = CloseAsync();
        if (stream is not null && consumer is not null)
        {
            api.DeleteConsumer(stream.Name, consumer);
        }

        return ending;
    }

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        var end = await log.GetEndAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        CloseAsync().Observe();
        if (_stream is null || _stream.Epoch != end.Stream.Epoch)
        {
            // Of an epoch that began since, everything.
            _next = _stream is null ? (long)end.State.LastSequence + 1 : NatsLogStream.FirstEntry;
            _stream = end.Stream;
        }

        var inbox = $"{api.Connector.Connection.Opts.InboxPrefix}.{Guid.NewGuid():N}";
        var subscription = new NatsLogFeedSubscription(api, inbox, OnMessage, OnBroken);
        Volatile.Write(ref _subscription, subscription);
        if (_isEnded)
        {
            subscription.Close();
            return;
        }

        var beginning = subscription.BeginAsync();
        var consumer = await api.CreateConsumerAsync(
            _stream.Name,
            new()
            {
                DeliverSubject = inbox,
                StartSequence = (ulong)_next,
                FlowControl = true,
                IdleHeartbeat = (long)Heartbeat.TotalNanoseconds,
                InactiveThreshold = (long)InactiveThreshold.TotalNanoseconds,
            },
            cancellationToken).ConfigureAwait(false);
        await beginning.WaitAsync(api.Timeout, api.Time, cancellationToken).ConfigureAwait(false);
        _consumer = consumer;
        if (consumer is null)
        {
            subscription.Break();
            log.Forget(_stream);
            throw new MessageLogUnavailableException($"The log of hub '{Hub}' went missing in JetStream while it was subscribed; the message log tries again.");
        }

        HasBegun = true;
    }

    private Task CloseAsync()
    {
        var subscription = Interlocked.Exchange(ref _subscription, null);
        return subscription?.EndAsync() ?? Task.CompletedTask;
    }

    private void OnBroken()
    {
        if (!_isEnded)
        {
            onBroken();
        }
    }

    private void OnMessage(in NatsLogDelivery delivery, string subject, ReadOnlyMemory<byte> message)
    {
        if (delivery.Sequence < _next || _stream is not { } stream)
        {
            return; // again, from a server that was behind
        }

        _next = delivery.Sequence + 1;
        stream.Learn(delivery.Sequence);
        if (stream.IsMark(subject, delivery.Sequence))
        {
            return;
        }

        try
        {
            receiver.OnAppended(Hub, stream.Epoch, NatsLogRecord.EntryOf(stream, delivery, subject, message));
        }
        catch (Exception exception)
        {
            if (failures.TryPass(out var others))
            {
                NatsMessageLog.Log.ReceiverFailed(logger, Hub, others, exception);
            }
        }
    }
}

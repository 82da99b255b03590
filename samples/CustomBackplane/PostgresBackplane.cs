// snippet: extending-backplane
using System.Threading.Channels;
using DistributedSockets;
using Microsoft.Extensions.Options;

namespace CustomBackplane;

/// <summary>A backplane over LISTEN and NOTIFY of a PostgreSQL database, for apps that have one and no broker.</summary>
public sealed class PostgresBackplane : BroadcastBackplane
{
    private const int MaxBatch = 512;
    private const int MaxQueuedBytes = 64 * 1024 * 1024;
    private const int ItemBytes = 512;                      // what an item costs beside its payload

    private readonly PostgresBackplaneOptions _options;
    private readonly string _prefix;
    private readonly TransportMonitor _monitor;
    private volatile ChannelWriter<Outgoing>? _queue;       // null while the database is away
    private long _queuedBytes;

    public PostgresBackplane(IOptions<PostgresBackplaneOptions> options, IOptions<DistributedWebSocketsClusterOptions> cluster) =>
        (_options, _prefix, _monitor) = (options.Value, cluster.Value.Prefix, new(HoldAsync));

    public override string System => "postgresql";

    protected override async ValueTask StartTransportAsync(CancellationToken cancellationToken)
    {
        _monitor.Start(Receiver);
        await _monitor.WaitForFirstReportAsync(2 * _options.OperationTimeout, cancellationToken);   // there or not: the host starts in either case
    }

    protected override async ValueTask BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var item = new Outgoing(payload.ToArray(), new(TaskCreationOptions.RunContinuationsAsynchronously));    // borrowed, so it is copied
        item.Taken.Task.Observe();                                  // it may fail when its sender does not wait any more
        var bytes = payload.Length + ItemBytes;
        try
        {
            // Queued before anything is awaited, so the order of the calls is the order of the notifications.
            if (Interlocked.Add(ref _queuedBytes, bytes) - bytes > MaxQueuedBytes || _queue?.TryWrite(item) is not true)
            {
                throw new BackplaneUnavailableException("PostgreSQL is away or too slow, so the message was not sent to other nodes.");
            }

            await item.Taken.Task.WaitAsync(_options.OperationTimeout, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new BackplaneUnavailableException($"PostgreSQL did not take the message within {_options.OperationTimeout}. It may arrive all the same.", exception);
        }
        finally
        {
            Interlocked.Add(ref _queuedBytes, -bytes);
            item.Taken.TrySetCanceled(CancellationToken.None);      // what its sender has given up is not sent any more
        }
    }

    public override ValueTask DisposeAsync() => _monitor.DisposeAsync();

    /// <summary>Connects, and lasts until one of its connections fails. The monitor calls it again and again.</summary>
    private async Task HoldAsync(TransportHold hold, CancellationToken stop)
    {
        var queue = Channel.CreateUnbounded<Outgoing>();            // its bound are the bytes
        try
        {
            await using var link = new PostgresLink(_options, _prefix);
            await link.OpenAsync(stop);                             // returns when it has heard itself
            _queue = queue.Writer;
            hold.TryReportAvailable();
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
            Task[] loops = [SendAsync(link, queue.Reader, ending.Token), link.ReceiveAsync(Deliver, ending.Token)];
            var first = await Task.WhenAny(loops);
            await ending.CancelAsync();
            await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
        }
        finally
        {
            _queue = null;
            queue.Writer.TryComplete();
            while (queue.Reader.TryRead(out var item))
            {
                item.Taken.TrySetException(new BackplaneUnavailableException("PostgreSQL went away before it took the message."));
            }
        }
    }

    /// <summary>Sends what has queued meanwhile in one transaction, as often as there is something.</summary>
    private static async Task SendAsync(PostgresLink link, ChannelReader<Outgoing> queue, CancellationToken cancellationToken)
    {
        while (await queue.WaitToReadAsync(cancellationToken))
        {
            var batch = new List<Outgoing>();
            while (batch.Count < MaxBatch && queue.TryRead(out var item))
            {
                if (!item.Taken.Task.IsCompleted)
                {
                    batch.Add(item);
                }
            }

            try
            {
                await link.SendAsync(batch.ConvertAll(static item => item.Payload), cancellationToken);
                batch.ForEach(static item => item.Taken.TrySetResult());
            }
            catch (Exception exception)
            {
                batch.ForEach(item => item.Taken.TrySetException(new BackplaneUnavailableException("PostgreSQL did not take the message.", exception)));
                throw;
            }
        }
    }

    private void Deliver(byte[]? payload)
    {
        if (payload is null)
        {
            Receiver.OnPossibleLoss("A notification could not be read, or came too late for its row.");
        }
        else if (payload.Length > 0)                                // a node that connects proves with an empty one that it hears
        {
            OnBroadcastReceived(payload);                           // the array is new, so its ownership can move
        }
    }

    private sealed record Outgoing(byte[] Payload, TaskCompletionSource Taken);
}
// end-snippet

using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Keeps tickets in a bucket of JetStream, which lets them expire. Whoever deletes one has taken it.</summary>
internal sealed class NatsConnectionTicketStore : IConnectionTicketStore
{
    /// <summary>The longest that a ticket may be kept. Those with a shorter life are refused by what is in them.</summary>
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromHours(1);

    private static readonly TimeSpan RetryWait = TimeSpan.FromMilliseconds(50);

    private readonly SemaphoreSlim _creating = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly NatsConnector _connector;
    private readonly NatsSessionKeys _keys;
    private readonly JetStreamBucket _bucket;
    private readonly NatsSessionStoreOptions _options;
    private readonly TimeProvider _time;
    private volatile bool _isCreated;

    public NatsConnectionTicketStore(IOptions<NatsSessionStoreOptions> options, IOptions<DistributedWebSocketsClusterOptions> clusterOptions, TimeProvider time)
    {
        _options = options.Value;
        _time = time;
        _keys = new NatsSessionKeys(clusterOptions.Value.Prefix);
        _connector = new NatsConnector(_options, "DistributedSockets tickets", makesRequests: true);
        _bucket = new JetStreamBucket(_connector, _keys.TicketsBucket, _options.OperationTimeout, time, _stop.Token, MaxLifetime);
    }

    public async ValueTask AddAsync(string key, ReadOnlyMemory<byte> ticket, TimeSpan lifetime, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        var expiresAt = _time.GetUtcNow() + lifetime;
        await RunAsync(
            async () => await _bucket.PutAsync(_keys.Ticket(key), NatsTicketRecord.Write(expiresAt, ticket.Span), expected: 0, cancellationToken).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<byte[]?> TakeAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        var found = await RunAsync(
            async () =>
            {
                var entry = await _bucket.GetLatestAsync(_keys.Ticket(key), cancellationToken).ConfigureAwait(false);
                return entry is not null && await _bucket.DeleteAsync(entry.Sequence, cancellationToken).ConfigureAwait(false) ? entry.Value : null;
            },
            cancellationToken).ConfigureAwait(false);
        return found is null ? null : NatsTicketRecord.Read(found, _time.GetUtcNow());
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _connector.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Does something with the bucket, which is created first, and again if it turns out to be missing.</summary>
    private async Task<T> RunAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            await CreateAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await action().ConfigureAwait(false);
            }
            catch (BucketMissingException exception)
            {
                _isCreated = false;
                if (_time.GetElapsedTime(started) > _options.OperationTimeout)
                {
                    throw new SessionStoreUnavailableException(
                        "The bucket of tickets in JetStream does not answer. Check that its servers are up; it is looked for again.", exception);
                }
            }
            catch (SessionStoreUnavailableException)
            {
                _isCreated = false; // some requests to a bucket that is gone are just not answered
                throw;
            }

            await Task.Delay(RetryWait, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        if (_isCreated)
        {
            return;
        }

        await _creating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_isCreated)
            {
                await _bucket.CreateAsync("memory", _options.Replicas, cancellationToken).ConfigureAwait(false);
                _isCreated = true;
            }
        }
        finally
        {
            _creating.Release();
        }
    }
}

using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Keeps tickets in Redis, each as a string that expires by itself. GETDEL gives one to one caller.</summary>
internal sealed class RedisConnectionTicketStore(
    IOptions<RedisSessionStoreOptions> options, IOptions<DistributedWebSocketsClusterOptions> clusterOptions, TimeProvider time) : IConnectionTicketStore
{
    private readonly RedisConnection _connection = new(options.Value, time); // opened by the first ticket
    private readonly string _prefix = clusterOptions.Value.Prefix;
    private readonly TimeSpan _timeout = options.Value.OperationTimeout;

    public async ValueTask AddAsync(string key, ReadOnlyMemory<byte> ticket, TimeSpan lifetime, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        await AskAsync(database => database.StringSetAsync(Key(key), ticket, lifetime), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<byte[]?> TakeAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return await AskAsync(database => database.StringGetDeleteAsync(Key(key)), cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <remarks>The whole key is its hash tag, so that tickets spread over a Redis Cluster. No node id has a colon, so it is nobody else's.</remarks>
    private RedisKey Key(string key) => $"{{{_prefix}:ticket:{key}}}";

    private async Task<T> AskAsync<T>(Func<IDatabase, Task<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            var multiplexer = await _connection.GetAsync().WithinAsync(_timeout, time, cancellationToken).ConfigureAwait(false);
            return await ask(multiplexer.GetDatabase()).WithinAsync(_timeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            var cause = RedisErrors.WithoutArguments(exception);
            throw new SessionStoreUnavailableException(
                cause is RedisServerException
                    ? $"Redis refused what the store of tickets asked: {cause.Message}"
                    : $"Redis did not do what the store of tickets asked within {_timeout}: {cause.Message} Check that it is up and not overloaded.",
                cause);
        }
    }
}

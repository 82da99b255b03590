using System.Reflection;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>A connection that counts what it is given to write, and may hold up what is asked of it.</summary>
internal class WatchedConnection : DispatchProxy
{
    private readonly TaskCompletionSource _pinged = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IConnectionMultiplexer _connection = null!;

    /// <summary>Called when something has been handed over, before the caller goes on.</summary>
    public Action? WhileWriting { get; set; }

    /// <summary>Called with the key of which the server is asked for.</summary>
    public Action<RedisKey>? WhileFindingServer { get; set; }

    /// <summary>Whether pings get no answer.</summary>
    public bool HoldsPings { get; set; }

    /// <summary>Completes with the first ping that gets no answer.</summary>
    public Task Pinged => _pinged.Task;

    public int Singles { get; private set; }

    public int Batches { get; private set; }

    public static (IConnectionMultiplexer Connection, WatchedConnection Watch) Of(IConnectionMultiplexer connection)
    {
        var proxy = Create<IConnectionMultiplexer, WatchedConnection>();
        var watch = (WatchedConnection)(object)proxy;
        watch._connection = connection;
        return (proxy, watch);
    }

    protected override object? Invoke(MethodInfo? method, object?[]? args)
    {
        if (method!.Name == nameof(IConnectionMultiplexer.GetServer) && args![0] is RedisKey key)
        {
            WhileFindingServer?.Invoke(key);
        }

        var result = method.Invoke(_connection, args);
        if (result is not IDatabase database)
        {
            return result;
        }

        var proxy = Create<IDatabase, WatchedDatabase>();
        ((WatchedDatabase)(object)proxy).Set(database, this);
        return proxy;
    }

    internal class WatchedDatabase : DispatchProxy
    {
        private IDatabase _database = null!;
        private WatchedConnection _watch = null!;

        public void Set(IDatabase database, WatchedConnection watch) => (_database, _watch) = (database, watch);

        protected override object? Invoke(MethodInfo? method, object?[]? args)
        {
            if (method!.Name == nameof(IDatabase.PingAsync) && _watch.HoldsPings)
            {
                _watch._pinged.TrySetResult();
                return new TaskCompletionSource<TimeSpan>().Task;
            }

            _watch.Singles += method.Name == nameof(IDatabase.PublishAsync) ? 1 : 0;
            _watch.Batches += method.Name == nameof(IDatabase.CreateBatch) ? 1 : 0;
            var result = method.Invoke(_database, args);
            _watch.WhileWriting?.Invoke();
            return result;
        }
    }
}

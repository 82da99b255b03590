namespace DistributedSockets;

/// <summary>A channel that is wanted, and the primary that it is subscribed at.</summary>
internal sealed class RedisPlacement(int slot)
{
    private readonly Lock _lock = new();
    private RedisShard? _candidate;
    private BackplaneRefusedException? _refusal;
    private volatile RedisShard? _shard;
    private volatile bool _isClosed;

    /// <summary>Held while the channel is subscribed, moved or given up.</summary>
    public SemaphoreSlim Gate { get; } = new(1, 1);

    public int Slot => slot;

    /// <summary>Where it is subscribed; <see langword="null"/> while it is nowhere.</summary>
    public RedisShard? Shard
    {
        get => _shard;
        set => _shard = value;
    }

    /// <summary>Whether it has ever been subscribed, so that it has to be kept.</summary>
    public bool IsKept { get; set; }

    /// <summary>Whether it is wanted no more.</summary>
    public bool IsClosed
    {
        get => _isClosed;
        set => _isClosed = value;
    }

    /// <summary>Begins to subscribe it at a primary. The gate must be held.</summary>
    public void Begin(RedisShard shard)
    {
        lock (_lock)
        {
            (_candidate, _refusal) = (shard, null);
        }
    }

    /// <summary>Notes that the primary has confirmed what was begun.</summary>
    /// <exception cref="BackplaneRefusedException">It has come to refuse the channel since then, so the channel is not subscribed.</exception>
    public void Complete()
    {
        lock (_lock)
        {
            if (_refusal is not null)
            {
                throw _refusal;
            }

            (_shard, _candidate) = (_candidate, null);
        }
    }

    /// <summary>Notes that a primary has come to refuse the channel.</summary>
    /// <returns>Whether it was subscribed there. If that has only begun, <see cref="Complete"/> tells of it.</returns>
    public bool Refuse(RedisShard shard, BackplaneRefusedException cause)
    {
        lock (_lock)
        {
            if (ReferenceEquals(_candidate, shard))
            {
                _refusal = cause;
            }

            return ReferenceEquals(_shard, shard);
        }
    }
}

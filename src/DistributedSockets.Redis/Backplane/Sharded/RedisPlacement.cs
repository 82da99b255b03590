namespace DistributedSockets;

/// <summary>A channel that is wanted, and the primary that it is subscribed at.</summary>
internal sealed class RedisPlacement(int slot)
{
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
}

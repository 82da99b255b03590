namespace DistributedSockets;

/// <summary>One of several servers: its backplane, what became of it, and the way of what it reports.</summary>
/// <remarks>The state is guarded by the lock of the whole.</remarks>
internal sealed class RedisShare(string name, IBackplane backplane, RedisServersBackplane whole, TimeProvider time) : IBackplaneReceiver
{
    /// <summary>How long an outage may go unnoticed: messages may be missing from so long before it was reported.</summary>
    private static readonly TimeSpan Unnoticed = TimeSpan.FromSeconds(15);

    private long _lastReceived = time.GetTimestamp();
    private volatile bool _isAnnouncementDue;
    private DateTimeOffset? _mayBeMissingFrom;

    public string Name => name;

    public IBackplane Backplane => backplane;

    /// <summary>Whether the server has yet to be told which servers this node has.</summary>
    public bool IsAnnouncementDue
    {
        get => _isAnnouncementDue;
        set => _isAnnouncementDue = value;
    }

    /// <summary>Whether the server is away, or a part of it.</summary>
    public bool IsInTrouble => _mayBeMissingFrom is not null;

    /// <summary>Whether all of the server is away.</summary>
    public bool IsAway { get; private set; }

    /// <summary>What the server or the network said last.</summary>
    public Exception? Cause { get; private set; }

    /// <summary>The server and why it is away.</summary>
    public string Trouble => Cause is null ? $"'{name}'" : $"'{name}' ({Cause.Message.TrimEnd('.')})";

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        Volatile.Write(ref _lastReceived, time.GetTimestamp());
        whole.OnReceived(channel, payload);
    }

    public void OnUnavailable(Exception? cause) => whole.OnTrouble(this, cause, isPart: false);

    public void OnPartlyUnavailable(Exception? cause) => whole.OnTrouble(this, cause, isPart: true);

    public void OnAvailable() => whole.OnAvailable(this);

    public void OnPossibleLoss(string description) => whole.OnPossibleLoss(this, description, since: null);

    public void OnPossibleLoss(string description, DateTimeOffset since) => whole.OnPossibleLoss(this, description, since);

    public void OnSubscriptionRefused(string channel, BackplaneRefusedException cause) => whole.OnRefused(this, channel, cause);

    public void Fail(Exception? cause, bool isPart)
    {
        if (_mayBeMissingFrom is null)
        {
            // If something arrived lately, nothing older is missing; but one part may be silent while another is heard.
            var silence = time.GetElapsedTime(Volatile.Read(ref _lastReceived));
            _mayBeMissingFrom = time.GetUtcNow() - (!isPart && silence < Unnoticed ? silence : Unnoticed);
        }

        IsAway = !isPart;
        Cause = cause ?? Cause;
    }

    /// <returns>From when on messages may be missing, if any.</returns>
    public DateTimeOffset? Recover()
    {
        var since = _mayBeMissingFrom;
        _mayBeMissingFrom = null;
        IsAway = false;
        Cause = null;
        return since;
    }

    public override string ToString() => $"Redis server '{name}'";
}

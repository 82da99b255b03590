using DistributedSockets.Testing;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>Keeps what arrives, and for which times a loss was reported.</summary>
internal sealed class LossRecorder : IBackplaneReceiver
{
    // As the library does: an outage may have gone unnoticed for so long.
    private static readonly TimeSpan Unnoticed = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly List<(DateTimeOffset From, DateTimeOffset To)> _losses = [];
    private DateTimeOffset? _awaySince;

    public RecordingReceiver Received { get; } = new();

    /// <summary>Whether the last that was said is that all is there.</summary>
    public bool IsWhole
    {
        get
        {
            lock (_lock)
            {
                return _awaySince is null;
            }
        }
    }

    /// <summary>Whether a loss was reported for a time.</summary>
    public bool Covers(DateTimeOffset moment)
    {
        lock (_lock)
        {
            return _losses.Exists(loss => loss.From <= moment && moment <= loss.To);
        }
    }

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload) => Received.OnReceived(channel, payload);

    public void OnUnavailable(Exception? cause)
    {
        NoteAway();
        Received.OnUnavailable(cause);
    }

    public void OnPartlyUnavailable(Exception? cause)
    {
        NoteAway();
        Received.OnPartlyUnavailable(cause);
    }

    public void OnAvailable()
    {
        lock (_lock)
        {
            _losses.Add((_awaySince ?? DateTimeOffset.MaxValue, DateTimeOffset.UtcNow));
            _awaySince = null;
        }

        Received.OnAvailable();
    }

    public void OnPossibleLoss(string description) => OnPossibleLoss(description, DateTimeOffset.UtcNow);

    public void OnPossibleLoss(string description, DateTimeOffset since)
    {
        lock (_lock)
        {
            _losses.Add((since, DateTimeOffset.UtcNow));
        }

        Received.OnPossibleLoss(description);
    }

    private void NoteAway()
    {
        lock (_lock)
        {
            _awaySince ??= DateTimeOffset.UtcNow - Unnoticed;
        }
    }
}

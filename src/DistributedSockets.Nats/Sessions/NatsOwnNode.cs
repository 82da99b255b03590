using System.Security.Cryptography;

namespace DistributedSockets;

/// <summary>What a store remembers of a node that writes through it.</summary>
internal sealed class NatsOwnNode
{
    private readonly Lock _gate = new();
    private ulong? _written;
    private bool _lost;

    /// <summary>The lease as it was last renewed, or null before that.</summary>
    public NatsLeaseRecord? Lease { get; set; }

    /// <summary>Which connections are in which groups; used by one commit at a time.</summary>
    public NatsOwnGroups Groups { get; } = new();

    /// <summary>What tells this store's marks from those of any other.</summary>
    public byte[] Writer { get; } = RandomNumberGenerator.GetBytes(16);

    /// <summary>Whether a commit ended without an answer to all that it asked for, which may still be done.</summary>
    public bool IsUnsettled { get; set; }

    /// <summary>The number of the message that the last commit ended with, which must still be there; null if nothing was committed.</summary>
    public ulong? Written
    {
        get
        {
            lock (_gate)
            {
                return _written;
            }
        }

        set
        {
            lock (_gate)
            {
                _written = value;
            }
        }
    }

    /// <summary>Notes that something written is gone, or may have been claimed, and where to go on from.</summary>
    public void Lose(ulong? written)
    {
        lock (_gate)
        {
            _lost = true;
            _written = written;
        }
    }

    /// <summary>Notes that the lease was gone; it is told by the next renewal that succeeds.</summary>
    public void LoseLease()
    {
        lock (_gate)
        {
            _lost = true;
        }
    }

    /// <summary>Whether there is a loss that the node has not been told.</summary>
    public bool TakeLoss()
    {
        lock (_gate)
        {
            var lost = _lost;
            _lost = false;
            return lost;
        }
    }
}

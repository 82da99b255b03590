using System.Diagnostics.CodeAnalysis;

namespace DistributedSockets;

/// <summary>What is known of one hub's log, and the way of its entries from the channel to the receiver.</summary>
/// <remarks>
/// Only what Redis answered counts as an epoch: anybody who may publish could name one. Entries of a larger one are held until Redis has been
/// asked, then handed over or dropped.
/// </remarks>
internal sealed class RedisLogHub(string name, RedisLogKeys keys, Action<RedisLogHub> doubted, Action<string, Exception?> dropped)
{
    private const int MaxHeld = 1_024;
    private const int MaxHeldBytes = 4 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<ReadOnlyMemory<byte>> _held = [];
    private int _heldBytes;
    private IMessageLogReceiver? _receiver;
    private State _state = new(0, keys.Of(0));
    private long _known;

    public string Name => name;

    public RedisLogKeys Keys => keys;

    /// <summary>The latest that was said of what the log keeps.</summary>
    [DisallowNull]
    public LogRetention? Retention { get; set; }

    /// <summary>The subscription, which outlives an attempt that failed: the next one has to wait until nothing is left of it.</summary>
    public RedisSubscription? Subscription { get; set; }

    /// <summary>Proves that the server of this hub delivers, where hubs have servers of their own.</summary>
    public RedisLogProbe? Probe { get; set; }

    /// <summary>The epoch, and its keys.</summary>
    public State Current => Volatile.Read(ref _state);

    /// <summary>The highest offset of this epoch that an entry was known to have.</summary>
    public long Known => Volatile.Read(ref _known);

    /// <summary>Hands entries to a receiver from now on.</summary>
    public void Open(IMessageLogReceiver receiver)
    {
        lock (_gate)
        {
            _receiver = receiver;
        }
    }

    /// <summary>Hands over nothing more. When it returns, the receiver is not being called.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _receiver = null;
            Forget();
        }
    }

    /// <summary>Notes what Redis has answered.</summary>
    /// <param name="epoch">The epoch of the log.</param>
    /// <param name="offset">The offset of an entry that is in the log, or 0.</param>
    public void Note(long epoch, long offset)
    {
        lock (_gate)
        {
            if (epoch > _state.Epoch)
            {
                Volatile.Write(ref _known, 0);
                Volatile.Write(ref _state, new(epoch, keys.Of(epoch)));
                while (_held.TryDequeue(out var message))
                {
                    Receive(message);
                }

                _heldBytes = 0;
            }

            if (epoch == _state.Epoch && offset > _known)
            {
                Volatile.Write(ref _known, offset);
            }
        }
    }

    /// <summary>Takes a message of the channel.</summary>
    public void OnReceived(ReadOnlyMemory<byte> message)
    {
        lock (_gate)
        {
            Receive(message);
        }
    }

    /// <summary>Drops what is held of an epoch that the log does not have.</summary>
    public void DropHeld()
    {
        lock (_gate)
        {
            Forget();
        }
    }

    private void Forget()
    {
        _held.Clear();
        _heldBytes = 0;
    }

    private void Receive(ReadOnlyMemory<byte> message)
    {
        if (_receiver is not { } receiver)
        {
            return;
        }

        if (!RedisLogMessage.TryRead(message, out var entries))
        {
            dropped(name, null);
            return;
        }

        if (entries.Epoch > _state.Epoch)
        {
            // One that does not fit is read, as the next entry names it.
            if (_held.Count < MaxHeld && _heldBytes + message.Length <= MaxHeldBytes)
            {
                _held.Enqueue(message);
                _heldBytes += message.Length;
            }

            doubted(this);
            return;
        }

        if (entries.Epoch < _state.Epoch)
        {
            return;
        }

        while (entries.TryTake(out var entry))
        {
            try
            {
                receiver.OnAppended(name, entries.Epoch, entry);
            }
            catch (Exception exception)
            {
                dropped(name, exception);
            }

            if (entry.Offset > _known)
            {
                Volatile.Write(ref _known, entry.Offset);
            }
        }
    }

    /// <summary>An epoch with its keys.</summary>
    public sealed record State(long Epoch, RedisLogKeys.Epoch Keys);
}

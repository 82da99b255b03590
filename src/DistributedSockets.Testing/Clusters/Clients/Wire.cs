namespace DistributedSockets.Testing;

/// <summary>One direction of a connection in memory: bytes in order, and no more under way than a window, as with TCP.</summary>
internal sealed class Wire(int windowBytes, TimeProvider time, Pulse pulse)
{
    private readonly Lock _gate = new();
    private readonly Queue<ReadOnlyMemory<byte>> _chunks = new();
    private TaskCompletionSource _changed = NewSignal();
    private int _taken;
    private int _unread;
    private DateTimeOffset _waitsSince;
    private bool _readerWaits;
    private bool _held;
    private bool _frozen;
    private bool _ended;
    private bool _broken;
    private bool _swallows;

    /// <summary>Whether all bytes have been read and the reader waits for more.</summary>
    internal bool IsQuiet
    {
        get
        {
            lock (_gate)
            {
                return _readerWaits && _unread == 0;
            }
        }
    }

    /// <summary>When the reader last began to wait for bytes.</summary>
    internal DateTimeOffset WaitsSince
    {
        get
        {
            lock (_gate)
            {
                return _waitsSince;
            }
        }
    }

    /// <summary>Whether the reader is kept from reading.</summary>
    internal bool IsHeld
    {
        get
        {
            lock (_gate)
            {
                return _held;
            }
        }
    }

    /// <summary>Reads what there is, or waits; an empty buffer only waits. Zero means the end, if the buffer is not empty.</summary>
    internal async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (!_held && !_frozen)
                {
                    if (_unread > 0)
                    {
                        return buffer.IsEmpty ? 0 : TakeLocked(buffer.Span);
                    }

                    if (_broken)
                    {
                        throw new IOException("The connection was cut.");
                    }

                    if (_ended)
                    {
                        return 0;
                    }
                }

                (_readerWaits, _waitsSince) = (true, time.GetUtcNow());
                changed = _changed.Task;
            }

            pulse.Fire();
            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Writes all, or waits for room.</summary>
    internal async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_swallows)
                {
                    return;
                }

                if (_broken || _ended)
                {
                    throw new IOException("The connection was cut.");
                }

                var count = Math.Min(bytes.Length, windowBytes - _unread);
                if (count > 0)
                {
                    _chunks.Enqueue(bytes[..count].ToArray());
                    _unread += count;
                    bytes = bytes[count..];
                    SignalLocked();
                }

                if (bytes.IsEmpty)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Keeps the reader from reading, or no longer: what is written meanwhile fills the window.</summary>
    internal void Hold(bool held) => Change(() => _held = held);

    /// <summary>The writer has ended: the reader gets the rest, then the end.</summary>
    internal void End() => Change(() => _ended = true);

    /// <summary>The reader has gone in peace: what is still written goes nowhere.</summary>
    internal void Abandon() => Change(() => (_swallows, _unread) = (true, DropLocked()));

    /// <summary>The writer has gone: the reader gets the rest, then an exception; so does the writer, or what it writes goes nowhere.</summary>
    internal void Break(bool swallow = false) => Change(() => (_broken, _swallows) = (true, swallow));

    /// <summary>The reader no longer runs, and does not say so. Writes fail.</summary>
    internal void Freeze() => Change(() => (_frozen, _broken) = (true, true));

    /// <summary>Both ends get an exception, and what is under way is lost.</summary>
    internal void Discard() => Change(() => (_held, _frozen, _broken, _swallows, _unread) = (false, false, true, false, DropLocked()));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Change(Action change)
    {
        lock (_gate)
        {
            change();
            SignalLocked();
        }

        pulse.Fire();
    }

    private int DropLocked()
    {
        _chunks.Clear();
        _taken = 0;
        return 0;
    }

    private int TakeLocked(Span<byte> destination)
    {
        var taken = 0;
        while (taken < destination.Length && _chunks.TryPeek(out var chunk))
        {
            var count = Math.Min(chunk.Length - _taken, destination.Length - taken);
            chunk.Span.Slice(_taken, count).CopyTo(destination[taken..]);
            taken += count;
            _taken += count;
            if (_taken == chunk.Length)
            {
                _chunks.Dequeue();
                _taken = 0;
            }
        }

        _unread -= taken;
        SignalLocked();
        return taken;
    }

    private void SignalLocked()
    {
        _readerWaits = false;
        var changed = _changed;
        _changed = NewSignal();
        changed.TrySetResult();
    }
}

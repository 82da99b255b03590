using System.Buffers;
using System.IO.Pipelines;

namespace DistributedSockets;

/// <summary>The one writer of a connection: writes inline when idle, joins what waits when busy, bounded in bytes and frames.</summary>
/// <remarks>
/// Queueing and writing are two steps, <see cref="TryEnqueue"/> and <see cref="Start"/>, so that a fan-out can settle the order of
/// its frames under a lock and write after it.
/// </remarks>
internal sealed partial class OutboundQueue(
    PipeWriter? output,
    HubOptions options,
    IOutboundQueueOwner owner,
    bool takesDeflated = false,
    long maxQueuedBytes = long.MaxValue,
    IMessagePrefix? prefix = null)
    : IThreadPoolWorkItem
{
    /// <summary>How much one flush carries; larger frames go in pieces, so that a client that hangs holds no more of them twice.</summary>
    internal const int JoinBytes = 32 * 1024;

    /// <summary>What every connection may queue even while the process holds more frames than it should.</summary>
    internal const int AlwaysAllowedBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly OutboundBacklog _backlog = new(options, maxQueuedBytes, takesDeflated, prefix);
    private readonly OutboundPump _pump = new(output);
    private volatile OutboundState _state = output is null ? OutboundState.Unopened : OutboundState.Idle;
    private OutboundIntake _intake;
    private FrameDrops _drops; // of which the owner has not been told
    private bool _used;
    private bool _isStartQueued; // to the thread pool
    private TaskCompletionSource? _room;

    /// <summary>Whether frames are written compressed where they are.</summary>
    internal bool TakesDeflated => takesDeflated;

    internal int QueuedBytes => _backlog.Bytes;

    /// <summary>Whether it still takes frames, as long as there is room.</summary>
    internal bool IsOpen
    {
        get
        {
            lock (_gate)
            {
                return _intake == OutboundIntake.Open;
            }
        }
    }

    /// <summary>How often the transport has taken something; wraps around.</summary>
    internal int Flushes => _pump.Flushes;

    /// <summary>The socket that frames may go straight to, if nothing is in between.</summary>
    internal DirectSocket? Direct => _pump.Direct;

    /// <summary>Whether frames go straight to the socket at the moment.</summary>
    internal bool IsDirect => Direct is { Proof.IsDrained: true };

    /// <summary>Whether there is something to write or to report. Asked without the lock: whoever changes either calls <see cref="Start"/> afterwards.</summary>
    private bool IsStartNeeded => _state == OutboundState.Ready || _drops.Any;

    /// <summary>Whether a frame was queued since the last call.</summary>
    internal bool TakeUsed() => Interlocked.Exchange(ref _used, false);

    /// <inheritdoc cref="WaitingFrames.Trim"/>
    internal void Trim()
    {
        lock (_gate)
        {
            _backlog.Trim();
            if (!IsPingWaiting)
            {
                _ping = null;
            }
        }
    }

    /// <summary>Queues a frame, taking its own reference; false if it was dropped. Call <see cref="Start"/> afterwards in either case.</summary>
    internal bool TryEnqueue(SharedFrame frame)
    {
        frame.AddReferences(1);
        if (TryEnqueueReferenced(frame))
        {
            return true;
        }

        frame.Release();
        return false;
    }

    /// <summary>The same with a reference that the caller has added, and keeps if the frame was dropped.</summary>
    internal bool TryEnqueueReferenced(SharedFrame frame)
    {
        lock (_gate)
        {
            if (_intake != OutboundIntake.Open)
            {
                return false;
            }

            if (prefix is { FollowsLog: true })
            {
                return TryFollowLocked(frame);
            }

            if (!_backlog.HasRoomFor(frame) && !TryMakeRoomLocked(frame))
            {
                _drops.Full++;
                if (options.SlowConsumerPolicy == SlowConsumerPolicy.Close)
                {
                    _drops.Full += _backlog.DropAll();
                    _intake = OutboundIntake.Overrun;
                }

                return false;
            }

            AddLocked(frame);
            return true;
        }
    }

    /// <summary>
    /// Queues a frame, taking its own reference, if half of the queue stays free for others, or nothing waits. Call <see cref="Start"/>
    /// afterwards.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="room">
    /// If it was not queued: completes when it is worth trying again, or is <see langword="null"/> as the queue takes no more frames.
    /// </param>
    internal bool TryEnqueueWithRoom(SharedFrame frame, out Task? room)
    {
        lock (_gate)
        {
            room = null;
            if (_intake != OutboundIntake.Open)
            {
                return false;
            }

            if (!_backlog.HasAmpleRoomFor(frame))
            {
                room = (_room ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                return false;
            }

            frame.AddReferences(1);
            AddLocked(frame);
            return true;
        }
    }

    /// <summary>Writes what <see cref="TryEnqueue"/> queued on an idle connection, and reports what it dropped.</summary>
    internal void Start()
    {
        if (!IsStartNeeded)
        {
            return;
        }

        try
        {
            ReportDrops();
        }
        finally
        {
            if (_state == OutboundState.Ready)
            {
                _pump.Run(this); // nobody else need do so
            }
        }
    }

    /// <summary>Has a thread of the pool do what <see cref="Start"/> does, for callers that must not write.</summary>
    internal void StartLater()
    {
        if (IsStartNeeded && !Interlocked.Exchange(ref _isStartQueued, true))
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        Interlocked.Exchange(ref _isStartQueued, false); // first, and with a full fence, so that what is queued from now on is not missed
        try
        {
            Start();
        }
        catch (Exception exception)
        {
            owner.OnWriteFailed(exception);
        }
    }

    /// <summary>Writes what goes into the next flush; false if nothing waits any more, and whoever wrote is to stop.</summary>
    /// <param name="output">Where the bytes go.</param>
    /// <param name="isFirst">Whether the caller begins to write now, which nobody may if somebody else has begun before.</param>
    /// <param name="platformWrite">Becomes the platform's write among them, to be completed when they are flushed. Left alone while somebody else writes.</param>
    internal bool TryWriteNext(IBufferWriter<byte> output, bool isFirst, ref PlatformWrite? platformWrite)
    {
        TaskCompletionSource? drained = null;
        bool isSomething;
        int expired;
        lock (_gate)
        {
            if (isFirst)
            {
                if (_state != OutboundState.Ready)
                {
                    return false;
                }

                _state = OutboundState.Writing;
            }

            isSomething = _backlog.WriteNext(output, out platformWrite, out expired);
            _drops.Expired += expired;
            if (!isSomething)
            {
                drained = StopLocked(OutboundState.Idle);
            }

            if (_room is not null && _backlog.IsHalfEmpty)
            {
                TellRoomLocked();
            }
        }

        drained?.TrySetResult();
        if (expired > 0)
        {
            StartLater(); // not now: what whoever is told may throw would fail the write of the others
        }

        return isSomething;
    }

    private void ReportDrops()
    {
        if (!_drops.Any)
        {
            return;
        }

        bool isOverrun;
        FrameDrops drops;
        lock (_gate)
        {
            isOverrun = _intake == OutboundIntake.Overrun;
            if (isOverrun)
            {
                _intake = OutboundIntake.Closed;
            }

            drops = _drops;
            _drops = default;
        }

        if (isOverrun)
        {
            owner.OnQueueFull(); // first: it closes the connection, also if what is called for the other report throws
        }

        drops.Report(owner);
    }

    /// <summary>Makes room in a full queue: by what is not worth writing any more, then as the policy says.</summary>
    private bool TryMakeRoomLocked(SharedFrame frame)
    {
        _drops.Expired += _backlog.DropExpired();
        if (options.SlowConsumerPolicy == SlowConsumerPolicy.DropOldest)
        {
            _drops.Full += _backlog.DropFor(frame);
        }

        return _backlog.HasRoomFor(frame);
    }

    private void AddLocked(SharedFrame frame)
    {
        _drops.Conflated += _backlog.Add(frame);
        _used = true;
        GetReadyLocked();
    }

    private void TellRoomLocked()
    {
        _room?.TrySetResult(); // who waits goes on elsewhere
        _room = null;
    }

    private void GetReadyLocked()
    {
        if (_state == OutboundState.Idle)
        {
            _state = OutboundState.Ready;
        }
    }
}

using System.IO.Pipelines;

namespace DistributedSockets;

/// <summary>How the queue of a connection begins and ends.</summary>
internal sealed partial class OutboundQueue
{
    private Exception? _failure;
    private TaskCompletionSource? _drained;

    /// <summary>Begins to write, for a queue that had nothing to write to.</summary>
    /// <param name="output">The transport's pipe.</param>
    /// <param name="direct">The socket behind it, if nothing is in between.</param>
    internal void Open(PipeWriter output, DirectSocket? direct = null)
    {
        TaskCompletionSource? drained = null;
        bool starts;
        lock (_gate)
        {
            if (_state != OutboundState.Unopened)
            {
                return; // abandoned meanwhile
            }

            _pump.Open(output, direct);
            starts = !_backlog.IsEmpty;
            if (starts)
            {
                _state = OutboundState.Ready;
            }
            else
            {
                drained = StopLocked(OutboundState.Idle);
            }
        }

        drained?.TrySetResult();
        if (starts)
        {
            _pump.Run(this);
        }
    }

    /// <summary>Ends a queue that never got anything to write to.</summary>
    internal void Abandon(Exception exception)
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            if (_state != OutboundState.Unopened)
            {
                return; // opened meanwhile: the transport will tell
            }

            FailLocked(exception);
            drained = StopLocked(OutboundState.Ended);
        }

        drained?.TrySetResult();
    }

    /// <summary>Takes no more frames; what is queued is still written.</summary>
    internal void Complete()
    {
        lock (_gate)
        {
            CompleteLocked();
        }
    }

    /// <summary>Waits until nothing waits and nothing is being written.</summary>
    internal Task DrainAsync()
    {
        lock (_gate)
        {
            var isBusy = _state is OutboundState.Ready or OutboundState.Writing || (_state == OutboundState.Unopened && !_backlog.IsEmpty);
            return isBusy ? (_drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task : Task.CompletedTask;
        }
    }

    /// <summary>Takes no more frames, drops what waits and releases it once the write in progress has ended.</summary>
    internal Task DisposeAsync()
    {
        TaskCompletionSource? drained = null;
        lock (_gate)
        {
            CompleteLocked();
            _backlog.DropAll();
            if (_state == OutboundState.Ready && _backlog.IsEmpty)
            {
                drained = StopLocked(OutboundState.Idle); // whoever queued last may not come to start it: the hub has let go of the connection
            }
        }

        drained?.TrySetResult();
        return DrainAsync();
    }

    /// <summary>Ends the queue after a write that failed.</summary>
    internal void Fail(Exception exception)
    {
        lock (_gate)
        {
            FailLocked(exception);
        }

        try
        {
            owner.OnWriteFailed(exception); // before it counts as drained: whoever waits for that lets go of the connection
        }
        finally
        {
            TaskCompletionSource? drained;
            lock (_gate)
            {
                drained = StopLocked(OutboundState.Ended);
            }

            drained?.TrySetResult();
        }
    }

    private void CompleteLocked()
    {
        if (_intake == OutboundIntake.Open)
        {
            _intake = OutboundIntake.Closed; // and one that was full is still to be reported
        }

        TellRoomLocked();
    }

    private void FailLocked(Exception exception)
    {
        CompleteLocked();
        _failure = exception;
        _backlog.Fail(exception);
    }

    private TaskCompletionSource? StopLocked(OutboundState state)
    {
        _state = state;
        var drained = _drained;
        _drained = null;
        return drained;
    }
}

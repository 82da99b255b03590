namespace DistributedSockets;

/// <summary>
/// Hands the messages of one client to its handler, one after the other. While the client has been asked something, the reader reads on
/// although the handler is busy: answers go to whoever asked, and all else waits here in order.
/// </summary>
/// <remarks>So a handler can await an answer of its own client. Only hubs with a matcher have it; elsewhere nothing is read while the handler is busy.</remarks>
/// <param name="questions">What the client has been asked.</param>
/// <param name="maxMessages">How many messages may wait before nothing more is read.</param>
/// <param name="maxBytes">How many bytes of messages may wait before nothing more is read.</param>
/// <param name="handle">Calls the handler, which releases the message; never fails.</param>
/// <param name="answered">Told of a message that was an answer, which it releases.</param>
internal sealed class InboundQueue(OpenQuestions questions, int maxMessages, int maxBytes, Func<ReceivedMessage, ValueTask> handle, Action<ReceivedMessage> answered)
{
    private readonly Lock _gate = new();
    private Queue<ReceivedMessage>? _waiting;
    private TaskCompletionSource? _changed;
    private long _waitingBytes;
    private volatile bool _isHandling;

    /// <summary>Whether the handler is busy.</summary>
    internal bool IsHandling => _isHandling;

    /// <summary>How many messages wait.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _waiting?.Count ?? 0;
            }
        }
    }

    /// <summary>Notes that the handler is busy before the first message. The task completes when the reader may read on.</summary>
    /// <param name="connected">The call of the handler; never fails.</param>
    internal ValueTask BeginAsync(ValueTask connected)
    {
        _isHandling = true;
        Run(connected);
        return MayReadOnAsync();
    }

    /// <summary>Takes a message. The task completes when the reader may read on.</summary>
    internal ValueTask TakeAsync(ReceivedMessage message)
    {
        if (questions.TryAnswer(message.Message))
        {
            answered(message);
            return MayReadOnAsync();
        }

        lock (_gate)
        {
            if (_isHandling)
            {
                (_waiting ??= new()).Enqueue(message);
                _waitingBytes += message.Length;
                return MayReadOnAsync();
            }

            _isHandling = true;
        }

        Run(handle(message));
        return MayReadOnAsync();
    }

    /// <summary>Has the reader look anew whether it may read on, now that the client has been asked something.</summary>
    internal void OnAsked()
    {
        TaskCompletionSource? changed;
        lock (_gate)
        {
            changed = TakeChangedLocked();
        }

        changed?.TrySetResult();
    }

    /// <summary>Waits until the handler has been given everything and has returned.</summary>
    internal async Task DrainAsync()
    {
        while (Changing(untilReadOn: false) is { } changing)
        {
            await changing;
        }
    }

    private ValueTask MayReadOnAsync() => Changing(untilReadOn: true) is { } changing ? new(AwaitAsync(changing)) : ValueTask.CompletedTask;

    private async Task AwaitAsync(Task first)
    {
        for (var changing = first; changing is not null; changing = Changing(untilReadOn: true))
        {
            await changing;
        }
    }

    /// <summary>What to wait for before looking again, or nothing if the handler is idle or the reader may read on.</summary>
    private Task? Changing(bool untilReadOn)
    {
        if (!_isHandling)
        {
            return null; // only the reader has it begin
        }

        lock (_gate)
        {
            var mayReadOn = untilReadOn && questions.AreOpen && (_waiting is null || (_waiting.Count < maxMessages && _waitingBytes < maxBytes));
            return !_isHandling || mayReadOn ? null : (_changed ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private void Run(ValueTask handled)
    {
        if (handled.IsCompletedSuccessfully)
        {
            handled.GetAwaiter().GetResult(); // which gives back what stands behind it
            _isHandling = false; // nothing can wait: only the reader adds to it, and it is here
            return;
        }

        RunAsync(handled).Observe(); // never fails
    }

    private async Task RunAsync(ValueTask handled)
    {
        while (true)
        {
            await handled;
            TaskCompletionSource? changed;
            ReceivedMessage next = default;
            bool hasNext;
            lock (_gate)
            {
                hasNext = _waiting is not null && _waiting.TryDequeue(out next);
                _waitingBytes -= next.Length;
                _isHandling = hasNext;
                changed = TakeChangedLocked();
            }

            changed?.TrySetResult();
            if (!hasNext)
            {
                return;
            }

            handled = handle(next);
        }
    }

    private TaskCompletionSource? TakeChangedLocked()
    {
        var changed = _changed;
        _changed = null;
        return changed;
    }
}

namespace DistributedSockets;

/// <summary>Has the commands to each node published in the order in which they were asked for, also while the way to it is being cleared.</summary>
/// <param name="isClear">Whether a command to a node of a hub may be published at once.</param>
/// <param name="clearAsync">Clears the way for a command and those behind it; false if nobody is there to take them.</param>
/// <param name="publish">Publishes a command; nothing is awaited before the backplane is called.</param>
internal sealed class CommandQueues(
    Func<HubConnections, string, bool> isClear, Func<SentCommand, Task<bool>> clearAsync, Func<SentCommand, ValueTask<long?>> publish)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(HubConnections Hub, string NodeId), Queue<Waiting>> _queues = [];

    /// <summary>Publishes a command in its turn.</summary>
    /// <returns>How many nodes took it; 0 if the way led to nobody, <see langword="null"/> if the transport cannot tell.</returns>
    internal ValueTask<long?> SendAsync(SentCommand command)
    {
        var way = (command.Hub, command.NodeId);
        Waiting? waiting = null;
        var isFirst = false;
        lock (_gate)
        {
            if (!_queues.TryGetValue(way, out var queue) && !isClear(command.Hub, command.NodeId))
            {
                _queues.Add(way, queue = new());
                isFirst = true;
            }

            queue?.Enqueue(waiting = new(command));
        }

        if (waiting is null)
        {
            return command.TryBegin() ? publish(command) : ValueTask.FromResult<long?>(0);
        }

        if (isFirst)
        {
            DrainAsync(way, command).Observe(); // never fails
        }

        return new(waiting.Receivers.Task.WaitAsync(command.CancellationToken));
    }

    private async Task DrainAsync((HubConnections Hub, string NodeId) way, SentCommand first)
    {
        var leadsSomewhere = false;
        Exception? failure = null;
        try
        {
            leadsSomewhere = await clearAsync(first);
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        while (true)
        {
            Waiting? next;
            lock (_gate)
            {
                if (!_queues[way].TryDequeue(out next))
                {
                    _queues.Remove(way); // from here on a command is published at once, behind all of these
                    return;
                }
            }

            if (failure is not null)
            {
                next.Receivers.TrySetException(failure);
            }
            else if (!leadsSomewhere || !next.Command.TryBegin())
            {
                next.Receivers.TrySetResult(0);
            }
            else
            {
                PublishAsync(next).Observe(); // never fails; its beginning settles the order
            }
        }
    }

    private async Task PublishAsync(Waiting waiting)
    {
        try
        {
            waiting.Receivers.TrySetResult(await publish(waiting.Command));
        }
        catch (Exception exception)
        {
            waiting.Receivers.TrySetException(exception);
        }
    }

    /// <summary>A command that is not published at once.</summary>
    private sealed class Waiting
    {
        internal Waiting(SentCommand command)
        {
            Command = command;
            Receivers.Task.Observe(); // whoever asked may have gone
        }

        internal SentCommand Command { get; }

        internal TaskCompletionSource<long?> Receivers { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

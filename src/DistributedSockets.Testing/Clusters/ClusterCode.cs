namespace DistributedSockets.Testing;

/// <summary>Notices when code of a cluster runs, on whichever thread of the pool and however busy others keep that.</summary>
/// <remarks>What counts flows with the execution context: whatever is started inside, and goes on after its awaits.</remarks>
internal sealed class ClusterCode
{
    /// <summary>How many turns in which nothing of the cluster runs are taken for proof that nothing waits to be run.</summary>
    internal const int CalmTurns = 3;

    /// <summary>How many turns at most the cluster is given to settle: an app may always have something to do.</summary>
    internal const int SettlingTurns = 50;

    /// <summary>
    /// How many turns are given to others before the clock moves without a handler that has not returned. Turns instead of time: on a busy
    /// machine they take longer, and whatever can run gets its own among them.
    /// </summary>
    private const int PatienceTurns = 1_000;

    private static readonly AsyncLocal<ClusterCode?> s_current = new(static change =>
    {
        if (Thread.CurrentThread.IsThreadPoolThread) // threads of their own may be at something for good, such as those of a client library
        {
            change.PreviousValue?.OnLeft();
            change.CurrentValue?.OnEntered();
        }
    });

    private int _running;
    private int _entries;

    /// <summary>The caller counts from here on, until its asynchronous flow ends.</summary>
    internal void Enter() => s_current.Value = this;

    /// <summary>Runs something elsewhere, so that it keeps no context of the test's.</summary>
    internal Task RunAsync(Func<Task> work, CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            Enter();
            return work();
        },
        cancellationToken);

    /// <inheritdoc cref="RunAsync(Func{Task}, CancellationToken)"/>
    internal Task RunAsync(Action work, CancellationToken cancellationToken = default) => RunAsync(
        () =>
        {
            work();
            return Task.CompletedTask;
        },
        cancellationToken);

    /// <summary>Lets what is ready to run get under way, and what that leads to; a short wait, which promises nothing.</summary>
    /// <returns>How many turns it took.</returns>
    internal async Task<int> SettleAsync()
    {
        var (calm, turns) = (0, 0);
        for (; calm < CalmTurns && turns < SettlingTurns; turns++)
        {
            var entries = Volatile.Read(ref _entries);
            await TurnAsync();
            calm = Volatile.Read(ref _running) == 0 && Volatile.Read(ref _entries) == entries ? calm + 1 : 0;
        }

        return turns;
    }

    /// <summary>Waits for a condition for as long as others have had <see cref="PatienceTurns"/>.</summary>
    internal static async Task<bool> HoldsInTurnAsync(Func<bool> condition)
    {
        for (var turn = 0; turn < PatienceTurns; turn++)
        {
            if (condition())
            {
                return true;
            }

            await TurnAsync();
        }

        return false;
    }

    /// <summary>Waits for a moment and at the end of the pool's queue: whatever stood in it by then has begun.</summary>
    private static async Task TurnAsync()
    {
        await Task.Delay(1, CancellationToken.None); // its end overtakes the queue
        await Task.Factory.StartNew(static () => { }, CancellationToken.None, TaskCreationOptions.PreferFairness, TaskScheduler.Default);
    }

    private void OnEntered()
    {
        Interlocked.Increment(ref _running);
        Interlocked.Increment(ref _entries);
    }

    private void OnLeft() => Interlocked.Decrement(ref _running);
}

namespace DistributedSockets.Testing;

/// <summary>Holds whatever a killed node still asks for, until its remains are cleared away.</summary>
internal sealed class CrashGate
{
    private readonly TaskCompletionSource _cleared = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _crashed;

    internal bool IsCrashed => _crashed;

    internal void Crash() => _crashed = true;

    internal void Clear() => _cleared.TrySetResult();

    /// <summary>Goes on at once on a living node, and never on a killed one.</summary>
    /// <exception cref="InvalidOperationException">The node was killed, and its remains are cleared away.</exception>
    internal ValueTask PassAsync(CancellationToken cancellationToken) => _crashed ? WaitAsync(cancellationToken) : ValueTask.CompletedTask;

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        await _cleared.Task.WaitAsync(cancellationToken);
        throw new InvalidOperationException("This node was crashed by a test.");
    }
}

using System.Reflection;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>A connection that holds up a subscription on its way to the client, as a busy or broken connection does.</summary>
public class HoldingConnection : DispatchProxy
{
    private readonly TaskCompletionSource<NatsSubBase> _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _added = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private INatsConnection? _inner;
    private Func<NatsSubBase, bool>? _isHeld;

    /// <summary>What is held up, once something is.</summary>
    public Task<NatsSubBase> Held => _held.Task;

    /// <param name="inner">The connection.</param>
    /// <param name="isHeld">Which subscription to hold up; the first only.</param>
    public static (INatsConnection Connection, HoldingConnection Control) Create(INatsConnection inner, Func<NatsSubBase, bool> isHeld)
    {
        var connection = Create<INatsConnection, HoldingConnection>();
        var control = (HoldingConnection)(object)connection;
        (control._inner, control._isHeld) = (inner, isHeld);
        return (connection, control);
    }

    /// <summary>Lets it go on to the client, and returns when the client has it.</summary>
    public Task ReleaseAsync()
    {
        _released.SetResult();
        return _added.Task;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod!.Name == nameof(INatsConnection.AddSubAsync) && !_held.Task.IsCompleted && _isHeld!((NatsSubBase)args![0]!))
        {
            _held.SetResult((NatsSubBase)args[0]!);
            return new ValueTask(LaterAsync());
        }

        return targetMethod.Invoke(_inner, args);

        async Task LaterAsync()
        {
            await _released.Task;
            await _inner!.AddSubAsync((NatsSubBase)args![0]!, CancellationToken.None);
            _added.SetResult();
        }
    }
}

using System.Runtime.ExceptionServices;

namespace DistributedSockets.Tests;

/// <summary>Does something once in the moment in which a <see cref="TimeoutException"/> is thrown: before any filter of it is asked.</summary>
internal sealed class OnTimeout : IDisposable
{
    private readonly Action _action;
    private int _done;

    private OnTimeout(Action action)
    {
        _action = action;
        AppDomain.CurrentDomain.FirstChanceException += OnThrown;
    }

    internal static OnTimeout Run(Action action) => new(action);

    public void Dispose() => AppDomain.CurrentDomain.FirstChanceException -= OnThrown;

    private void OnThrown(object? sender, FirstChanceExceptionEventArgs thrown)
    {
        if (thrown.Exception is TimeoutException && Interlocked.Exchange(ref _done, 1) == 0)
        {
            _action();
        }
    }
}

namespace DistributedSockets;

/// <summary>Ends what was made from an app's class, of which only the app knows how it wants to be disposed.</summary>
internal static class Disposal
{
    /// <summary>Disposes an object in the way that it knows, the asynchronous one first.</summary>
    internal static ValueTask DisposeAsync(object instance)
    {
        switch (instance)
        {
            case IAsyncDisposable asyncDisposable:
                return asyncDisposable.DisposeAsync();
            case IDisposable disposable:
                disposable.Dispose();
                break;
        }

        return ValueTask.CompletedTask;
    }
}

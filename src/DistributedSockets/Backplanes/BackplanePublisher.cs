using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Publishes for the router: measures, and turns every failure into one kind of exception.</summary>
internal sealed class BackplanePublisher(IBackplane backplane, DistributedWebSocketsMetrics metrics)
{
    /// <summary>Hands a payload to the backplane. Nothing is awaited before, so the order of calls is the order of payloads.</summary>
    /// <exception cref="BackplaneUnavailableException">The backplane did not take it.</exception>
    internal ValueTask<long?> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var started = metrics.IsPublishMeasured ? Stopwatch.GetTimestamp() : 0;
        ValueTask<long?> publish;
        try
        {
            publish = backplane.PublishAsync(channel, payload, cancellationToken);
        }
        catch (Exception exception)
        {
            publish = ValueTask.FromException<long?>(exception);
        }

        if (started == 0 && publish.IsCompletedSuccessfully)
        {
            return publish;
        }

        return AwaitAsync(publish, started, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<long?> AwaitAsync(ValueTask<long?> publish, long started, CancellationToken cancellationToken)
    {
        try
        {
            var receivers = await publish;
            metrics.Published(started, backplane.System, null);
            return receivers;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            metrics.Published(started, backplane.System, exception);
            throw exception as BackplaneUnavailableException ?? new BackplaneUnavailableException(
                $"The backplane '{backplane.System}' failed: {exception.Message} Connections on this node were served.", exception);
        }
    }
}

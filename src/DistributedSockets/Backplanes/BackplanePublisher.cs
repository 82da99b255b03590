using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Publishes for the router: seals where that is wanted, measures, and turns every failure into one kind of exception.</summary>
internal sealed class BackplanePublisher(IBackplane backplane, EnvelopeSealer sealer, DistributedWebSocketsMetrics metrics)
{
    private readonly EnvelopeSealer? _sealer = sealer.IsEnabled ? sealer : null;
    private readonly string _system = backplane.System;

    /// <summary>Hands a payload to the backplane. Nothing is awaited before, so the order of calls is the order of payloads.</summary>
    /// <exception cref="BackplaneUnavailableException">The backplane did not take it.</exception>
    internal ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
        _sealer is null ? HandOverAsync(channel, payload, cancellationToken) : SealAsync(_sealer, channel, payload, cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PublishResult> SealAsync(EnvelopeSealer sealing, string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var envelope = sealing.Seal(channel, payload.Span, out var length);
        try
        {
            return await HandOverAsync(channel, envelope.AsMemory(0, length), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    private ValueTask<PublishResult> HandOverAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var started = metrics.IsPublishMeasured ? Stopwatch.GetTimestamp() : 0;
        ValueTask<PublishResult> publish;
        try
        {
            publish = backplane.PublishAsync(channel, payload, cancellationToken);
        }
        catch (Exception exception)
        {
            publish = ValueTask.FromException<PublishResult>(exception);
        }

        if (started == 0 && publish.IsCompletedSuccessfully)
        {
            return publish;
        }

        return AwaitAsync(publish, started, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PublishResult> AwaitAsync(ValueTask<PublishResult> publish, long started, CancellationToken cancellationToken)
    {
        try
        {
            var result = await publish;
            metrics.Published(started, _system, null);
            return result;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            metrics.Published(started, _system, exception);
            throw exception as BackplaneUnavailableException ?? new BackplaneUnavailableException(
                $"The backplane '{_system}' failed: {exception.Message} Connections on this node were served.", exception);
        }
    }
}

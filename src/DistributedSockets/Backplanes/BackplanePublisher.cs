using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Publishes for the router: seals where that is wanted, measures, bounds what is under way, and turns every failure into one kind of exception.</summary>
internal sealed class BackplanePublisher(
    IBackplane backplane, EnvelopeSealer sealer, DistributedWebSocketsMetrics metrics, IOptions<DistributedWebSocketsOptions> options)
{
    private readonly long _maxBytes = options.Value.MaxPublishingBytes;
    private readonly EnvelopeSealer? _sealer = sealer.IsEnabled ? sealer : null;
    private readonly string _system = backplane.System;
    private long _bytes; // of what the backplane has been given and has not answered for

    /// <summary>Hands a payload to the backplane. Nothing is awaited before, so the order of calls is the order of payloads.</summary>
    /// <exception cref="BackplaneUnavailableException">The backplane did not take it.</exception>
    internal ValueTask<long?> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
        _sealer is null ? HandOverAsync(channel, payload, cancellationToken) : SealAsync(_sealer, channel, payload, cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<long?> SealAsync(EnvelopeSealer sealing, string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
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

    private ValueTask<long?> HandOverAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var started = metrics.IsPublishMeasured ? Stopwatch.GetTimestamp() : 0;
        var length = payload.Length;
        ValueTask<long?> publish;
        if (Interlocked.Add(ref _bytes, length) is var bytes && bytes > _maxBytes && bytes > length)
        {
            publish = ValueTask.FromException<long?>(new BackplaneUnavailableException(
                $"The backplane '{_system}' has {bytes - length} bytes of messages under way, and another {length} would be more than MaxPublishingBytes, " +
                $"which is {_maxBytes}. Connections on this node were served. Check that the backplane is not overloaded, or send less at once."));
        }
        else
        {
            try
            {
                publish = backplane.PublishAsync(channel, payload, cancellationToken);
            }
            catch (Exception exception)
            {
                publish = ValueTask.FromException<long?>(exception);
            }
        }

        if (started == 0 && publish.IsCompletedSuccessfully)
        {
            Interlocked.Add(ref _bytes, -length);
            return publish;
        }

        return AwaitAsync(publish, length, started, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<long?> AwaitAsync(ValueTask<long?> publish, int length, long started, CancellationToken cancellationToken)
    {
        try
        {
            var receivers = await publish;
            metrics.Published(started, _system, null);
            return receivers;
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
        finally
        {
            Interlocked.Add(ref _bytes, -length);
        }
    }
}

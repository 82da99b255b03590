using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Tells when the server has processed everything that was sent before, by markers that go through it and come back.</summary>
/// <remarks>
/// NATS confirms neither a publish nor a subscription, and the client's PING is no proof: one that waits while the connection is lost is sent over
/// the next one, where its PONG answers another PING. One marker is under way at a time; all that is sent meanwhile shares the
/// next one, so the cost per message falls as the rate grows.
/// </remarks>
/// <param name="send">Sends a marker.</param>
internal sealed class NatsFence(Func<ulong, ValueTask> send)
{
    private readonly Lock _gate = new();
    private Batch? _underWay;
    private Batch? _waiting;
    private ulong _number;

    /// <summary>Completes when everything that was sent before the call has been processed by the server.</summary>
    /// <returns>The connection that the marker came back over, or <see langword="null"/> if none did: the connection was lost.</returns>
    public Task<NatsEpoch?> PassAsync()
    {
        Batch batch;
        Batch? launched = null;
        lock (_gate)
        {
            batch = _waiting ??= new Batch();
            if (_underWay is null)
            {
                launched = Launch();
            }
        }

        Send(launched);
        return batch.Task;
    }

    /// <summary>Takes a marker that came back.</summary>
    public void Receive(ulong number, NatsEpoch? epoch)
    {
        Batch? passed = null;
        Batch? launched = null;
        lock (_gate)
        {
            if (_underWay?.Number == number)
            {
                passed = _underWay;
                launched = Launch();
            }
        }

        passed?.TrySetResult(epoch);
        Send(launched);
    }

    /// <summary>Fails everything that waits: the connection was lost.</summary>
    public void Fail()
    {
        Batch? underWay;
        Batch? waiting;
        lock (_gate)
        {
            (underWay, waiting) = (_underWay, _waiting);
            (_underWay, _waiting) = (null, null);
        }

        underWay?.TrySetResult(null);
        waiting?.TrySetResult(null);
    }

    private Batch? Launch()
    {
        _underWay = _waiting;
        _waiting = null;
        if (_underWay is not null)
        {
            _underWay.Number = ++_number;
        }

        return _underWay;
    }

    private void Send(Batch? batch)
    {
        if (batch is not null)
        {
            SendAsync(batch).Observe();
        }
    }

    private async Task SendAsync(Batch batch)
    {
        try
        {
            await send(batch.Number).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Whatever the reason: a marker that was not sent does not come back, and all others would wait behind it.
            Batch? launched = null;
            lock (_gate)
            {
                if (ReferenceEquals(_underWay, batch))
                {
                    launched = Launch();
                }
            }

            batch.TrySetResult(null);
            Send(launched);
        }
    }

    private sealed class Batch() : TaskCompletionSource<NatsEpoch?>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public ulong Number { get; set; }
    }
}

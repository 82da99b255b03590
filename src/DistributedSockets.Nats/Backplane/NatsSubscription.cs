using System.Buffers;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>One subscribed subject, whose messages are handled as they are read.</summary>
/// <remarks>
/// The client's own subscriptions put each message into a queue, which takes a task per channel to empty and drops what it has no room for. Here
/// there is neither queue nor task. The client renews the subscription by itself when it reconnects.
/// </remarks>
internal abstract class NatsSubscription(INatsConnection connection, INatsSubscriptionManager manager, string subject, string? queueGroup = null)
    : NatsSubBase(connection, manager, subject, queueGroup, opts: null)
{
    private Task _beginning = Task.CompletedTask;
    private bool _isClosed;

    /// <summary>Whether the client did not take it, and never will.</summary>
    public bool HasFailed => _beginning.IsCompleted && !_beginning.IsCompletedSuccessfully;

    /// <summary>Has the client subscribe. Completes when that stands in its buffer.</summary>
    /// <exception cref="ObjectDisposedException">It was closed before.</exception>
    public Task BeginAsync()
    {
        lock (this)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _beginning = Connection.AddSubAsync(this, CancellationToken.None).AsTask();
        }

        _beginning.Observe();
        return _beginning;
    }

    /// <summary>Closes it and takes it off the connection.</summary>
    public async Task EndAsync()
    {
        Close();

        // The client can take away only what it has; a subscription that is still on its way would stay for good.
        await _beginning.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await UnsubscribeAsync().ConfigureAwait(false);
    }

    /// <summary>Stops handing over. When it returns, nothing is being handed over any more.</summary>
    public void Close()
    {
        // While the client reconnects, what was read from the old connection may still be under way when the new one delivers.
        lock (this)
        {
            _isClosed = true;
        }
    }

    protected override ValueTask ReceiveInternalAsync(
        string subject, string? replyTo, ReadOnlySequence<byte>? headersBuffer, ReadOnlySequence<byte> payloadBuffer)
    {
        lock (this)
        {
            if (!_isClosed)
            {
                OnReceived(subject, replyTo, headersBuffer, payloadBuffer);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Takes a message, in order and never two at once. Must not throw, which would end the subscription.</summary>
    protected abstract void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message);

    protected override void TryComplete()
    {
        // There is no queue to complete.
    }
}

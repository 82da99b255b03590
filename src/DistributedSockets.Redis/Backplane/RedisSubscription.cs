using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>One subscribed channel, over whatever connections come and go.</summary>
/// <remarks>
/// The multiplexer keeps a queue registered whose subscribe failed, and hands it out only on success: it would come alive at
/// the next reconnect with nobody able to end it. So the round trip is made with a handler that does nothing, which can
/// be taken away again, and the queue joins when the server has confirmed.
/// </remarks>
internal sealed class RedisSubscription(
    string name, RedisChannel channel, Action<string, ReadOnlyMemory<byte>> received, RedisInbox inbox, TimeSpan timeout, TimeProvider time)
{
    private static readonly Action<RedisChannel, RedisValue> Nothing = static (_, _) => { };

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Lock _delivery = new();
    private ISubscriber? _subscriber;
    private ChannelMessageQueue? _queue;
    private volatile bool _closed;

    /// <summary>The channel as Redis is told of it.</summary>
    public RedisChannel Channel => channel;

    /// <summary>Completes when nothing is left, neither here nor on the server, of a subscribe that was given up.</summary>
    public Task Withdrawal { get; private set; } = Task.CompletedTask;

    /// <summary>Whether the server is known to know the subscription.</summary>
    public bool IsInForce(ISubscriber subscriber) => subscriber.SubscribedEndpoint(channel) is not null && subscriber.IsConnected(channel);

    /// <summary>Sees to it that the server knows the subscription, and does nothing if it does.</summary>
    /// <param name="subscriber">The connection.</param>
    /// <param name="flags">Which server may take it.</param>
    /// <param name="afresh">Whether to subscribe anew even if the multiplexer believes to be subscribed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task EnsureAsync(ISubscriber subscriber, CommandFlags flags, bool afresh, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Withdrawal.WithinAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            if (_closed)
            {
                return;
            }

            if (_queue is not null && (afresh || !ReferenceEquals(_subscriber!.Multiplexer, subscriber.Multiplexer)))
            {
                await DropAsync(CommandFlags.FireAndForget).ConfigureAwait(false);
            }

            if (_queue is not null && IsInForce(subscriber))
            {
                return;
            }

            await ConfirmAsync(subscriber, flags, cancellationToken).ConfigureAwait(false);
            if (_closed)
            {
                await DropAsync(CommandFlags.FireAndForget).ConfigureAwait(false);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends the subscription for good. When it returns, no handler runs any more.</summary>
    /// <exception cref="Exception">What the multiplexer throws; the subscription has ended here all the same.</exception>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        _closed = true;
        try
        {
            await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await DropAsync(CommandFlags.FireAndForget).ConfigureAwait(false); // whoever holds the gate drops what it still gets
            throw;
        }

        try
        {
            await DropAsync(CommandFlags.None).WithinAsync(timeout, time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Hands over what has arrived in one of its queues.</summary>
    public void OnMessage(ChannelMessageQueue queue, RedisValue message)
    {
        // An old queue may still drain while its successor fills: what it holds would arrive late and out of order.
        lock (_delivery)
        {
            if (ReferenceEquals(queue, _queue))
            {
                received(name, (byte[]?)message ?? []);
            }
        }
    }

    private async Task ConfirmAsync(ISubscriber subscriber, CommandFlags flags, CancellationToken cancellationToken)
    {
        var subscribing = subscriber.SubscribeAsync(channel, Nothing, flags);
        try
        {
            await subscribing.WithinAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            if (_queue is null)
            {
                // Needs no round trip now, and never fails.
                var queue = await subscriber.SubscribeAsync(channel, flags | CommandFlags.FireAndForget).ConfigureAwait(false);
                lock (_delivery)
                {
                    _queue = queue;
                    _subscriber = subscriber;
                }

                new RedisQueueReader(this, queue, inbox).Start();
            }
        }
        finally
        {
            Withdrawal = WithdrawAsync(subscriber, flags, subscribing);
            Withdrawal.Observe(); // the channel may never be wanted again
            if (subscribing.IsCompletedSuccessfully)
            {
                // Answered, so there is nothing to wait for. After any other end the server may never answer, and the next
                // attempt waits for it within its own time.
                await Withdrawal.ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes the handler that does nothing away again, once the server has answered.</summary>
    /// <remarks>
    /// Before it has, the multiplexer does not take itself for subscribed and would send no unsubscribe, so the server would
    /// go on sending what nobody here wants. A subscribe that the multiplexer gave up on has not been answered either, so
    /// another one is sent, until one is answered or the connection is lost and the server has forgotten all of them.
    /// </remarks>
    private async Task WithdrawAsync(ISubscriber subscriber, CommandFlags flags, Task subscribing)
    {
        try
        {
            while (true)
            {
                var unanswered = false;
                try
                {
                    await subscribing.ConfigureAwait(false);
                }
                catch (RedisTimeoutException)
                {
                    unanswered = true;
                }
                catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
                {
                    // The connection is gone, and with it what the server knew.
                }

                await IgnoringOutageAsync(subscriber.UnsubscribeAsync(channel, Nothing, CommandFlags.FireAndForget)).ConfigureAwait(false);
                if (!unanswered)
                {
                    return;
                }

                subscribing = subscriber.SubscribeAsync(channel, Nothing, flags);
            }
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            // A multiplexer that was closed meanwhile refuses the call itself. With it the server has forgotten the subscription,
            // so the next attempt, over another connection, finds nothing in its way.
        }
    }

    private static async Task IgnoringOutageAsync(Task command)
    {
        try
        {
            await command.ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            // The handler is taken away before anything is sent, and that is what matters.
        }
    }

    private async Task DropAsync(CommandFlags flags)
    {
        ChannelMessageQueue? queue;
        lock (_delivery)
        {
            queue = _queue;
            _queue = null;
        }

        if (queue is not null)
        {
            var ending = queue.UnsubscribeAsync(flags);
            await (flags == CommandFlags.FireAndForget ? IgnoringOutageAsync(ending) : ending).ConfigureAwait(false);
        }
    }
}

using System.Buffers;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>One way through the stream: a consumer from which messages are fetched, some hundred at a time.</summary>
internal sealed class NatsLogPass(NatsLogApi api, NatsLogStream stream, string inbox)
    : NatsSubscription(api.Connector.Connection, api.Subscriptions, inbox)
{
    // Behind this, the server deletes the consumer.
    private static readonly TimeSpan InactiveThreshold = TimeSpan.FromSeconds(30);

    private string? _consumer;
    private Fetch? _fetch;
    private bool _isSpent;

    public NatsLogStream Stream => stream;

    /// <summary>The sequence from which the next fetch goes on; 0 if it cannot.</summary>
    public long Next { get; private set; }

    /// <summary>Begins at a sequence.</summary>
    public static async Task<NatsLogPass> BeginAsync(NatsLogApi api, NatsLogStream stream, long from, CancellationToken cancellationToken)
    {
        var pass = new NatsLogPass(api, stream, $"{api.Connector.Connection.Opts.InboxPrefix}.{Guid.NewGuid():N}");
        try
        {
            var beginning = pass.BeginAsync();
            pass._consumer = await api.CreateConsumerAsync(
                stream.Name, new() { StartSequence = (ulong)from, InactiveThreshold = (long)InactiveThreshold.TotalNanoseconds }, cancellationToken).ConfigureAwait(false)
                ?? throw new MessageLogUnavailableException("The log of a hub went missing in JetStream while it was read.");
            await beginning.WaitAsync(api.Timeout, api.Time, cancellationToken).ConfigureAwait(false);
            pass.Next = from;
            return pass;
        }
        catch
        {
            pass.End();
            throw;
        }
    }

    /// <summary>Ends it, without waiting for the server.</summary>
    public void End()
    {
        EndAsync().Observe();
        if (_consumer is { } consumer)
        {
            api.DeleteConsumer(stream.Name, consumer);
        }
    }

    /// <summary>Fetches messages from <see cref="Next"/> on.</summary>
    /// <param name="count">How many at most.</param>
    /// <param name="bytes">How many bytes at most.</param>
    /// <param name="cancellationToken">Ends the wait, and the pass.</param>
    /// <returns>What there is. Less than was asked for is all that the consumer's server has.</returns>
    public async Task<IReadOnlyList<NatsLogRecord>> FetchAsync(int count, long bytes, CancellationToken cancellationToken)
    {
        var fetch = new Fetch(count, Next - 1);
        lock (this)
        {
            _fetch = fetch;
        }

        var from = Next;
        Next = 0; // unless it succeeds
        var question = NatsLogApi.Serialize(new JetStreamQuestion { Batch = count, NoWait = true, MaxBytes = bytes }, JetStreamJson.Default.JetStreamQuestion);
        try
        {
            var sending = api.Connector.Connection.PublishAsync(
                $"$JS.API.CONSUMER.MSG.NEXT.{stream.Name}.{_consumer}", question, replyTo: Subject, serializer: NatsRawSerializer<byte[]>.Default, cancellationToken: cancellationToken).AsTask();
            sending.Observe();
            using var disposal = api.Stopping.UnsafeRegister(static fetch => ((Fetch)fetch!).TrySetException(NatsLogApi.Disposed()), fetch);
            await fetch.Task.WaitAsync(api.Timeout, api.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, cancellationToken))
        {
            throw new MessageLogUnavailableException(
                api.Connector.IsConnected
                    ? $"JetStream did not send the entries that were to be read within {api.Timeout}. Check that it is up and not overloaded."
                    : NatsLogApi.NotConnected(),
                exception);
        }
        finally
        {
            lock (this)
            {
                _fetch = null;
            }
        }

        if (!_isSpent)
        {
            Next = Math.Max(from, fetch.Last + 1);
        }

        return fetch.Records;
    }

    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        if (_fetch is not { } fetch)
        {
            return;
        }

        if (NatsLogDelivery.Read(replyTo) is { } delivery)
        {
            fetch.Add(delivery.Sequence, stream.IsMark(subject, delivery.Sequence) ? null : NatsLogRecord.Of(stream, delivery, subject, message.ToArray()));
        }
        else if (NatsStatus.Of(headers) is NatsStatus.NoResponders)
        {
            _isSpent = true;
            fetch.TrySetException(new MessageLogUnavailableException("The log of a hub went missing in JetStream while it was read."));
        }
        else if (NatsStatus.Of(headers) > NatsStatus.Control)
        {
            fetch.TrySetResult();
        }
    }

    private sealed class Fetch(int count, long last) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        private int _left = count;

        public List<NatsLogRecord> Records { get; } = [];

        public long Last { get; private set; } = last;

        public void Add(long sequence, NatsLogRecord? record)
        {
            Last = sequence;
            if (record is not null)
            {
                Records.Add(record);
            }

            if (--_left == 0)
            {
                TrySetResult();
            }
        }
    }
}

using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DistributedSockets;

/// <summary>Hears what the server answers to appends: one subscription for all, with the number of the append at the end of the subject.</summary>
internal sealed class NatsLogAnswers(NatsLogApi api, string inbox) : NatsSubscription(api.Connector.Connection, api.Subscriptions, inbox + ".*")
{
    private readonly ConcurrentDictionary<long, NatsLogAppend> _waiting = new();
    private volatile bool _isFailed;

    /// <summary>The subject to which the server answers an append.</summary>
    public string SubjectFor(NatsLogAppend append)
    {
        _waiting[append.Number] = append;
        if (_isFailed)
        {
            Fail(append, NatsLogApi.Disposed().Message);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{inbox}.{append.Number}");
    }

    /// <summary>Waits for the answer to an append no longer.</summary>
    public void Forget(NatsLogAppend append) => _waiting.TryRemove(append.Number, out _);

    /// <summary>Fails what waits for an answer: none will come.</summary>
    public void Fail(string why)
    {
        foreach (var append in _waiting.Values)
        {
            Fail(append, why);
        }
    }

    /// <summary>Fails what waits, and whatever comes: the log is being disposed.</summary>
    public void FailFromNowOn()
    {
        _isFailed = true;
        Fail(NatsLogApi.Disposed().Message);
    }

    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        if (!long.TryParse(subject.AsSpan(subject.LastIndexOf('.') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || !_waiting.TryRemove(number, out var append))
        {
            return;
        }

        append.TrySetResult(Read(headers, message));
    }

    private static void Fail(NatsLogAppend append, string why) =>
        append.TrySetException(new MessageLogUnavailableException(why) { IsOutcomeUnknown = append.Withdraw() });

    private static JetStreamAnswer Read(ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        if (NatsStatus.Of(headers) == NatsStatus.NoResponders)
        {
            return new() { Error = new() { Code = JetStreamError.NoStream } };
        }

        try
        {
            var reader = new Utf8JsonReader(message);
            return JsonSerializer.Deserialize(ref reader, JetStreamJson.Default.JetStreamAnswer) ?? new();
        }
        catch (Exception exception) when (exception is JsonException or DecoderFallbackException)
        {
            return new(); // without a sequence, which the append notices
        }
    }
}

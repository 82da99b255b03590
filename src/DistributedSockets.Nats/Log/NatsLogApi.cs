using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Asks JetStream for what the log needs, by its API's own requests: several of them can be under way at once.</summary>
/// <remarks>Each exchange is bounded in time, and fails with a <see cref="MessageLogUnavailableException"/>.</remarks>
internal sealed class NatsLogApi(NatsConnector connector, TimeSpan timeout, TimeProvider time, CancellationToken stopping)
{
    private static readonly NatsSubOpts ReplyOptions = new() { Timeout = TimeSpan.FromMinutes(2) }; // ours is the shorter

    public NatsConnector Connector => connector;

    /// <summary>Ends subscriptions.</summary>
    public NatsRemovals Subscriptions { get; } = new(connector.Connection.SubscriptionManager);

    public TimeSpan Timeout => timeout;

    public TimeProvider Time => time;

    /// <summary>Ends when the log is disposed.</summary>
    public CancellationToken Stopping => stopping;

    /// <summary>Asks of a stream.</summary>
    /// <returns>The answer, which may be an error; null if there is no such stream.</returns>
    public async Task<JetStreamAnswer?> AskStreamAsync(string request, string stream, JetStreamQuestion question, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(
            $"$JS.API.STREAM.{request}.{stream}", Serialize(question, JetStreamJson.Default.JetStreamQuestion), null, cancellationToken).ConfigureAwait(false);
        return answer.Error is { Code: JetStreamError.NoStream } ? null : answer;
    }

    /// <summary>The state of a stream, and the number of messages under one subject if it is given; null if there is no such stream.</summary>
    public async Task<JetStreamAnswer?> GetInfoAsync(string stream, string? subject, CancellationToken cancellationToken)
    {
        var answer = await AskStreamAsync("INFO", stream, new() { SubjectsFilter = subject }, cancellationToken).ConfigureAwait(false);
        if (answer is null)
        {
            return null;
        }

        ThrowIfRefused(answer, "how the log of a hub stands");
        return answer.State is null || answer.Config is null ? throw Unreadable() : answer;
    }

    /// <summary>The streams with a subject that matches.</summary>
    public async Task<string[]> FindStreamsAsync(string subject, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(
            "$JS.API.STREAM.NAMES", Serialize(new JetStreamQuestion { Subject = subject }, JetStreamJson.Default.JetStreamQuestion), null, cancellationToken).ConfigureAwait(false);
        ThrowIfRefused(answer, "which streams there are");
        return answer.Streams ?? [];
    }

    /// <summary>Creates or changes a stream.</summary>
    public Task<JetStreamAnswer> ConfigureAsync(string request, JetStreamConfig config, CancellationToken cancellationToken) =>
        AskAsync($"$JS.API.STREAM.{request}.{config.Name}", Serialize(config, JetStreamJson.Default.JetStreamConfig), null, cancellationToken);

    /// <summary>The first message at a sequence or behind it, from the server that leads the stream.</summary>
    /// <returns>The message; null if there is none.</returns>
    public async Task<JetStreamStored?> GetNextAsync(string stream, string subject, long sequence, CancellationToken cancellationToken)
    {
        var answer = await AskStreamAsync(
            "MSG.GET", stream, new() { NextBySubject = subject, Sequence = (ulong)sequence }, cancellationToken).ConfigureAwait(false);
        switch (answer)
        {
            case null:
                throw new MessageLogUnavailableException("The log of a hub went missing in JetStream while it was read.");
            case { Error.Code: JetStreamError.NoMessage }:
                return null;
            default:
                ThrowIfRefused(answer, "the next message of the log of a hub");
                return answer.Message ?? throw Unreadable();
        }
    }

    /// <summary>Writes a mark if the stream's last message has a sequence.</summary>
    /// <returns>The mark's sequence; null if the last message is another one, or nobody takes it.</returns>
    public async Task<long?> MarkAsync(string subject, long last, CancellationToken cancellationToken)
    {
        var headers = new NatsHeaders { ["Nats-Expected-Last-Sequence"] = last.ToString(System.Globalization.CultureInfo.InvariantCulture) };
        try
        {
            var answer = await AskAsync(subject, [], headers, cancellationToken).ConfigureAwait(false);
            if (answer.Error is { Code: JetStreamError.WrongLastSequence })
            {
                return null;
            }

            ThrowIfRefused(answer, "to write a mark into the log of a hub");
            return (long)answer.Sequence;
        }
        catch (MessageLogUnavailableException exception) when (exception.InnerException is NatsNoRespondersException)
        {
            return null;
        }
    }

    /// <summary>Writes a message under a subject, and waits for the answer of the stream that has it. Without such a stream it fails with a <see cref="NatsNoRespondersException"/> inside.</summary>
    public Task<JetStreamAnswer> PublishAsync(string subject, byte[] payload, NatsHeaders headers, CancellationToken cancellationToken) =>
        AskAsync(subject, payload, headers, cancellationToken);

    /// <summary>Creates a consumer.</summary>
    /// <returns>Its name; null if there is no such stream.</returns>
    public async Task<string?> CreateConsumerAsync(string stream, JetStreamConsumerConfig config, CancellationToken cancellationToken)
    {
        var question = Serialize(new JetStreamConsumerQuestion { Stream = stream, Config = config }, JetStreamJson.Default.JetStreamConsumerQuestion);
        var answer = await AskAsync($"$JS.API.CONSUMER.CREATE.{stream}", question, null, cancellationToken).ConfigureAwait(false);
        if (answer.Error is { Code: JetStreamError.NoStream })
        {
            return null;
        }

        ThrowIfRefused(answer, "for a consumer of the log of a hub");
        return answer.Name ?? throw Unreadable();
    }

    /// <summary>Has a consumer deleted. One that stays, as the request is lost, goes by itself when nobody has listened for a while.</summary>
    public void DeleteConsumer(string stream, string consumer)
    {
        if (connector.IsConnected)
        {
            connector.Connection.PublishAsync($"$JS.API.CONSUMER.DELETE.{stream}.{consumer}").AsTask().Observe();
        }
    }

    /// <summary>Deletes a stream, if it is there.</summary>
    public async Task DeleteStreamAsync(string stream, CancellationToken cancellationToken)
    {
        if (await AskStreamAsync("DELETE", stream, new(), cancellationToken).ConfigureAwait(false) is { } answer)
        {
            ThrowIfRefused(answer, "to delete an old log of a hub");
        }
    }

    /// <summary>Waits before the next look.</summary>
    public async Task PauseAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, time, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await Task.Yield(); // off the thread that disposes, which else would carry on for whoever waits
            throw Disposed();
        }
    }

    public static byte[] Serialize<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    public static MessageLogUnavailableException Unreadable() => new("JetStream answered something that cannot be read.");

    public static void ThrowIfRefused(JetStreamAnswer answer, string what)
    {
        if (answer.Error is { } error)
        {
            throw new MessageLogUnavailableException($"JetStream was asked {what}, and refused: {error.Description} ({error.Code}).");
        }
    }

    private async Task<JetStreamAnswer> AskAsync(string subject, byte[] question, NatsHeaders? headers, CancellationToken cancellationToken)
    {
        var message = await RequestAsync(subject, question, headers, cancellationToken).ConfigureAwait(false);
        try
        {
            return JsonSerializer.Deserialize(message.Data ?? [], JetStreamJson.Default.JetStreamAnswer) ?? throw Unreadable();
        }
        catch (Exception exception) when (exception is JsonException or DecoderFallbackException)
        {
            throw Unreadable(); // without the cause, which repeats what it read
        }
    }

    private async Task<NatsMsg<byte[]>> RequestAsync(string subject, byte[] payload, NatsHeaders? headers, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var limit = new CancellationTokenSource(timeout, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping, cancellationToken);
        try
        {
            if (!connector.IsConnected)
            {
                throw new NatsException("The connection is lost, or not there yet."); // it is seen to elsewhere, and nobody waits for it here
            }

            // Cancelled besides being left, so that what has not been sent by then never is.
            var request = connector.Connection.RequestAsync(
                subject,
                payload,
                headers,
                NatsRawSerializer<byte[]>.Default,
                NatsRawSerializer<byte[]>.Default,
                replyOpts: ReplyOptions,
                cancellationToken: ended.Token).AsTask();
            request.Observe();
            return await request.WaitAsync(ended.Token).ConfigureAwait(false);
        }
        catch (NatsNoRespondersException exception)
        {
            throw new MessageLogUnavailableException(
                connector.Connection.ServerInfo is { JetStreamAvailable: false }
                    ? "JetStream is off on the NATS server, and the message log needs it. Start the server with -js, or use another message log, such as that of Redis."
                    : "JetStream does not answer. Check that its servers are up and enough of them to agree; the message log tries again.",
                exception);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && (cancellationToken == stopping || !cancellationToken.IsCancellationRequested))
        {
            await Task.Yield(); // as above
            throw Disposed();
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, cancellationToken))
        {
            throw new MessageLogUnavailableException(
                connector.IsConnected
                    ? $"JetStream did not do what the message log asked within {timeout}. Check that it is up and not overloaded."
                    : NotConnected(),
                exception);
        }
    }

    public static MessageLogUnavailableException Disposed() => new("The message log has been disposed.");

    public static string NotConnected() =>
        "NATS is not connected. Check that it is up and that address and credentials are right; the message log reconnects by itself.";
}

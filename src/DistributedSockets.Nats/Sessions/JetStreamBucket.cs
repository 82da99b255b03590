using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>A message of a bucket.</summary>
/// <param name="Sequence">Its number in the bucket: a later write has a larger one.</param>
/// <param name="Time">When the server stored it, by the server's clock.</param>
/// <param name="Value">What it holds.</param>
internal sealed record JetStreamEntry(ulong Sequence, DateTimeOffset Time, byte[] Value);

/// <summary>A key-value bucket of JetStream, by its API's own requests: several of them can be under way at once.</summary>
/// <remarks>
/// Each exchange is bounded in time, and fails with a <see cref="SessionStoreUnavailableException"/>, or a
/// <see cref="BucketMissingException"/> if nobody answers for the bucket.
/// </remarks>
internal sealed class JetStreamBucket(
    NatsConnector connector, string name, TimeSpan timeout, TimeProvider time, CancellationToken stopping, TimeSpan maxAge = default)
{
    // Asks for the number of keys without the keys.
    private const long BehindAllKeys = int.MaxValue;

    private static readonly NatsSubOpts ReplyOptions = new() { Timeout = TimeSpan.FromMinutes(2) }; // ours is the shorter

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    private readonly string _stream = "KV_" + name;

    /// <summary>Writes a value.</summary>
    /// <param name="key">The key's subject.</param>
    /// <param name="value">The value.</param>
    /// <param name="expected">The number that the key's last message must have, 0 for none; null for any.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The number of the message; null if the key's last message is not the one expected.</returns>
    public async Task<ulong?> PutAsync(string key, byte[] value, ulong? expected, CancellationToken cancellationToken)
    {
        var headers = expected is { } last ? new NatsHeaders { ["Nats-Expected-Last-Subject-Sequence"] = last.ToString() } : null;
        var answer = await AskAsync(key, value, headers, cancellationToken).ConfigureAwait(false);
        if (answer.Error is null)
        {
            return answer.Sequence;
        }

        return answer.Error.Code == JetStreamError.WrongLastSequence && expected is not null ? null : throw Refused(answer.Error);
    }

    /// <summary>Reads a key from the server that leads the bucket, so that nothing written before is missed.</summary>
    public async Task<JetStreamEntry?> GetLatestAsync(string key, CancellationToken cancellationToken)
    {
        var answer = await AskApiAsync("MSG.GET", new() { LastBySubject = key }, cancellationToken).ConfigureAwait(false);
        return answer switch
        {
            { Error.Code: JetStreamError.NoMessage } => null,
            { Error: { } error } => throw Refused(error),
            { Message: { } message } => new(message.Sequence, message.Time, message.Data ?? []),
            _ => throw Unreadable(),
        };
    }

    /// <summary>Reads a key from any server that has the bucket, which may be a little behind.</summary>
    public async Task<JetStreamEntry?> GetAsync(string key, CancellationToken cancellationToken)
    {
        var message = await RequestAsync($"$JS.API.DIRECT.GET.{_stream}.{key}", null, null, cancellationToken).ConfigureAwait(false);
        if (message.Headers is not { } headers)
        {
            throw Unreadable();
        }

        if (!headers.TryGetLastValue("Nats-Sequence", out var number))
        {
            return headers.Code == 404 ? null : throw Refused(new() { Code = headers.Code, Description = headers.MessageText });
        }

        return ulong.TryParse(number, out var sequence) ? new(sequence, default, message.Data ?? []) : throw Unreadable();
    }

    /// <summary>The number of the bucket's last message.</summary>
    public async Task<ulong> GetLastSequenceAsync(CancellationToken cancellationToken) =>
        (await InfoAsync(new(), cancellationToken).ConfigureAwait(false)).LastSequence;

    /// <summary>How many keys match.</summary>
    public async Task<long> CountAsync(string filter, CancellationToken cancellationToken)
    {
        var answer = await AskApiAsync("INFO", new() { SubjectsFilter = filter, Offset = BehindAllKeys }, cancellationToken).ConfigureAwait(false);
        return answer.Error is { } error ? throw Refused(error) : answer.Total;
    }

    /// <summary>Lists the keys that match, in pages as large as the server makes them.</summary>
    public async IAsyncEnumerable<ICollection<string>> ListAsync(
        string filter, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var offset = 0L; ;)
        {
            var answer = await AskApiAsync("INFO", new() { SubjectsFilter = filter, Offset = offset }, cancellationToken).ConfigureAwait(false);
            if (answer.Error is { } error)
            {
                throw Refused(error);
            }

            if (answer.State?.Subjects is not { Count: > 0 } page)
            {
                yield break;
            }

            yield return page.Keys;
            offset += page.Count;
            if (offset >= answer.Total)
            {
                yield break;
            }
        }
    }

    /// <summary>Deletes what matches.</summary>
    /// <param name="filter">The subject of a key, or of several.</param>
    /// <param name="last">The number of the last message that may be deleted; null for all.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task PurgeAsync(string filter, ulong? last, CancellationToken cancellationToken)
    {
        var answer = await AskApiAsync("PURGE", new() { Filter = filter, Sequence = last + 1 }, cancellationToken).ConfigureAwait(false);
        if (answer.Error is { } error)
        {
            throw Refused(error);
        }
    }

    /// <summary>Deletes one message.</summary>
    /// <returns>Whether it was there; of several callers, one is told so.</returns>
    public async Task<bool> DeleteAsync(ulong sequence, CancellationToken cancellationToken)
    {
        var answer = await AskApiAsync("MSG.DELETE", new() { Sequence = sequence, NoErase = true }, cancellationToken).ConfigureAwait(false);
        return answer.Error switch
        {
            null => true,
            { Code: JetStreamError.NoSequence or JetStreamError.NoMessage or JetStreamError.DeleteFailed } => false,
            { } error => throw Refused(error),
        };
    }

    /// <summary>Creates the bucket unless it exists.</summary>
    /// <param name="storage"><c>memory</c> or <c>file</c>.</param>
    /// <param name="replicas">On how many servers.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What differs from what was asked for, in an existing bucket; null if nothing does.</returns>
    public async Task<string?> CreateAsync(string storage, int replicas, CancellationToken cancellationToken)
    {
        try
        {
            var found = await AskAsync(Api("INFO"), [], null, cancellationToken).ConfigureAwait(false);
            if (found.Error is { Code: JetStreamError.NoStream })
            {
                found = await AskAsync(Api("CREATE"), Serialize(Settings(storage, replicas), JetStreamJson.Default.JetStreamConfig), null, cancellationToken).ConfigureAwait(false);
                if (found.Error is { Code: JetStreamError.NameInUse or JetStreamError.SubjectsOverlap } refusal)
                {
                    found = await FindAsync(cancellationToken).ConfigureAwait(false) ?? throw Refused(refusal);
                }
            }

            return found.Error is { } error ? throw Refused(error) : Check(found.Config ?? throw Unreadable(), storage, replicas);
        }
        catch (BucketMissingException)
        {
            throw new SessionStoreUnavailableException(
                connector.Connection.ServerInfo is { JetStreamAvailable: false }
                    ? "JetStream is off on the NATS server, and the session store needs it. Start the server with -js, or use another session store, such as that of Redis."
                    : "JetStream does not answer. Check that its servers are up and enough of them to agree; the session store tries again.");
        }
    }

    /// <summary>Waits for a bucket that somebody else was quicker to create: the server refuses ours a moment before it has theirs.</summary>
    /// <returns>Its state; null if there is none, so that something else is in the way.</returns>
    private async Task<JetStreamAnswer?> FindAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        do
        {
            var found = await AskAsync(Api("INFO"), [], null, cancellationToken).ConfigureAwait(false);
            if (found.Error is not { Code: JetStreamError.NoStream })
            {
                return found;
            }

            await Task.Delay(LookInterval, time, cancellationToken).ConfigureAwait(false);
        }
        while (time.GetElapsedTime(started) < timeout);

        return null;
    }

    private static byte[] Serialize<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    private static SessionStoreUnavailableException Unreadable() => new("JetStream answered something that cannot be read.");

    private SessionStoreUnavailableException Refused(JetStreamError error) =>
        new($"JetStream refused what the session store asked of bucket {name}: {error.Description} ({error.Code}).");

    private JetStreamConfig Settings(string storage, int replicas) => new()
    {
        Name = _stream,
        Subjects = [$"$KV.{name}.>"],
        MaxPerSubject = 1,
        Retention = "limits",
        Discard = "new",
        Storage = storage,
        Replicas = replicas,
        MaxAge = (long)maxAge.TotalNanoseconds,
        AllowDirect = true,
        AllowRollup = true,
    };

    private string? Check(JetStreamConfig found, string storage, int replicas)
    {
        if (found.MaxAge != (long)maxAge.TotalNanoseconds || found is not { MaxPerSubject: 1, AllowDirect: true, DenyDelete: false, DenyPurge: false, Retention: "limits" })
        {
            throw new SessionStoreUnavailableException(
                $"The bucket {name} exists with settings that the session store cannot work with. Delete it; the session store creates it anew.");
        }

        return found.Storage == storage && found.Replicas == replicas ? null : $"storage {found.Storage}, replicas {found.Replicas}";
    }

    private string Api(string request) => $"$JS.API.STREAM.{request}.{_stream}";

    private async Task<JetStreamState> InfoAsync(JetStreamQuestion question, CancellationToken cancellationToken)
    {
        var answer = await AskApiAsync("INFO", question, cancellationToken).ConfigureAwait(false);
        return answer.Error is { } error ? throw Refused(error) : answer.State ?? throw Unreadable();
    }

    private async Task<JetStreamAnswer> AskApiAsync(string request, JetStreamQuestion question, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(Api(request), Serialize(question, JetStreamJson.Default.JetStreamQuestion), null, cancellationToken).ConfigureAwait(false);
        return answer.Error is { Code: JetStreamError.NoStream } ? throw new BucketMissingException() : answer;
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

    private async Task<NatsMsg<byte[]>> RequestAsync(string subject, byte[]? payload, NatsHeaders? headers, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var limit = new CancellationTokenSource(timeout, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping, cancellationToken);
        try
        {
            if (!connector.IsConnected)
            {
                await connector.ConnectAsync().WaitAsync(ended.Token).ConfigureAwait(false);
            }

            // Cancelled besides being left, so that what has not been sent by then never is.
            var request = connector.Connection.RequestAsync(
                subject,
                payload,
                headers,
                NatsRawSerializer<byte[]?>.Default,
                NatsRawSerializer<byte[]>.Default,
                replyOpts: ReplyOptions,
                cancellationToken: ended.Token).AsTask();
            request.Observe();
            return await request.WaitAsync(ended.Token).ConfigureAwait(false);
        }
        catch (NatsNoRespondersException)
        {
            throw new BucketMissingException();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new SessionStoreUnavailableException("The session store has been disposed.");
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, cancellationToken))
        {
            throw new SessionStoreUnavailableException(
                connector.IsConnected
                    ? $"JetStream did not do what the session store asked within {timeout}. Check that it is up and not overloaded."
                    : $"NATS is not connected. {(exception is OperationCanceledException ? "" : exception.Message)} Check that it is up and that address and credentials are right; the session store reconnects by itself.",
                exception);
        }
    }
}

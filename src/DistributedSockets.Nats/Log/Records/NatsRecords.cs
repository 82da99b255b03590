using System.Buffers.Binary;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>The records of one hub's sessions: a key-value bucket of JetStream: a stream that keeps the last message of each session.</summary>
/// <remarks>
/// A message is the version, in eight bytes, and the record. What is removed becomes an empty message first, since the server puts writes of one key in an order, and not a write and
/// a deletion; then the empty one is deleted. The bucket has the age of the hub's log, which the server keeps to.
/// </remarks>
internal sealed class NatsRecords(string prefix, LogHub hub, NatsLogSettings settings, NatsLogApi api)
{
    /// <summary>When to try again what nobody took: a bucket that another node has just begun is not there yet for all.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    private readonly NatsRecordNames _names = new(prefix, hub.Name);
    private readonly SemaphoreSlim _opening = new(1);
    private volatile bool _isOpen;

    /// <summary>Reads a record from the server that leads the bucket, so that nothing written before is missed.</summary>
    public async Task<SessionRecord?> ReadAsync(string sessionId, CancellationToken cancellationToken) =>
        (await FindAsync(_names.SubjectOf(sessionId), cancellationToken).ConfigureAwait(false)).Record;

    /// <summary>Replaces a record.</summary>
    public async Task<SessionRecordSwap> SwapAsync(string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken)
    {
        var (subject, value) = (_names.SubjectOf(sessionId), Write(record));
        for (var started = api.Time.GetTimestamp(); ;)
        {
            var found = await FindAsync(subject, cancellationToken).ConfigureAwait(false);
            if ((found.Record?.Version ?? 0) != expectedVersion)
            {
                return new() { IsDone = false, Current = found.Record };
            }

            if (record is null && found.Record is null)
            {
                return new() { IsDone = true };
            }

            if (await PutAsync(subject, value, found.Sequence, cancellationToken).ConfigureAwait(false) is { } sequence)
            {
                if (record is null)
                {
                    api.AskStreamAsync("MSG.DELETE", _names.Stream, new() { Sequence = sequence, NoErase = true }, api.Stopping).Observe(); // it goes by its age, too
                }

                return new() { IsDone = true };
            }

            // Somebody else has been quicker, so another version stands there now; or what was found went by its age, or nobody has the bucket.
            await PauseAsync(started).ConfigureAwait(false);
        }
    }

    private static byte[] Write(SessionRecord? record)
    {
        if (record is null)
        {
            return [];
        }

        var value = new byte[sizeof(long) + record.Value.Length];
        BinaryPrimitives.WriteInt64LittleEndian(value, record.Version);
        record.Value.Span.CopyTo(value.AsSpan(sizeof(long)));
        return value;
    }

    private static SessionRecord? Read(byte[]? value) => value switch
    {
        null or [] => null,
        { Length: >= sizeof(long) } when BinaryPrimitives.ReadInt64LittleEndian(value) is not 0 and var version => new() { Version = version, Value = value.AsMemory(sizeof(long)) },
        _ => throw NatsLogApi.Unreadable(),
    };

    private async Task<(SessionRecord? Record, ulong Sequence)> FindAsync(string subject, CancellationToken cancellationToken)
    {
        for (var started = api.Time.GetTimestamp(); ;)
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var answer = await api.AskStreamAsync("MSG.GET", _names.Stream, new() { LastBySubject = subject }, cancellationToken).ConfigureAwait(false);
            switch (answer)
            {
                case null:
                    _isOpen = false; // the server has lost it with all else, or somebody has deleted it
                    await PauseAsync(started).ConfigureAwait(false);
                    continue;
                case { Error.Code: JetStreamError.NoMessage }:
                    return (null, 0);
            }

            NatsLogApi.ThrowIfRefused(answer, "for the record of a session");
            return answer.Message is { } message ? (Read(message.Data), message.Sequence) : throw NatsLogApi.Unreadable();
        }
    }

    /// <returns>The sequence of the message; null if it was not written, as the key's last message is not the one expected, or nobody has the bucket.</returns>
    private async Task<ulong?> PutAsync(string subject, byte[] value, ulong expected, CancellationToken cancellationToken)
    {
        if (api.Connector.Connection.ServerInfo is { MaxPayload: > 0 and var limit } && value.Length > limit)
        {
            throw new MessageLogUnavailableException($"The record of a session has {value.Length} bytes, and max_payload of the NATS server is {limit}. It was not written. Raise that, or keep less in it.");
        }

        JetStreamAnswer answer;
        try
        {
            answer = await api.PublishAsync(subject, value, new() { ["Nats-Expected-Last-Subject-Sequence"] = expected.ToString() }, cancellationToken).ConfigureAwait(false);
        }
        catch (MessageLogUnavailableException exception) when (exception.InnerException is NatsNoRespondersException)
        {
            _isOpen = false;
            return null;
        }
        catch (MessageLogUnavailableException exception)
        {
            throw new MessageLogUnavailableException(exception.Message, exception) { IsOutcomeUnknown = true };
        }

        if (answer.Error is { Code: JetStreamError.WrongLastSequence })
        {
            return null;
        }

        NatsLogApi.ThrowIfRefused(answer, "to write the record of a session");
        return answer.Sequence;
    }

    /// <summary>Waits before another attempt, unless this has gone on for too long.</summary>
    private async Task PauseAsync(long started)
    {
        if (api.Time.GetElapsedTime(started) > api.Timeout)
        {
            throw new MessageLogUnavailableException(
                $"The bucket with the sessions of hub '{hub.Name}' comes and goes in JetStream, so its records cannot be used. Check that its servers are up, and that nobody else deletes it.");
        }

        await api.PauseAsync(Pause).ConfigureAwait(false);
    }

    /// <summary>Creates the bucket unless it is there, and has an existing one keep records for as long as this node's options say.</summary>
    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        if (_isOpen)
        {
            return;
        }

        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_isOpen)
            {
                await CreateAsync(cancellationToken).ConfigureAwait(false);
                _isOpen = true;
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        var wanted = new JetStreamConfig
        {
            Name = _names.Stream,
            Subjects = [_names.Subjects],
            Retention = "limits",
            Discard = "new",
            Storage = settings.Storage,
            Replicas = settings.Replicas,
            MaxAge = (long)hub.Retention.MaxAge.TotalNanoseconds,
            MaxPerSubject = 1,
        };
        var found = (await api.GetInfoAsync(_names.Stream, null, cancellationToken).ConfigureAwait(false))?.Config;
        if (found is null)
        {
            var created = await api.ConfigureAsync("CREATE", wanted, cancellationToken).ConfigureAwait(false);
            if (created.Error is { Code: JetStreamError.NameInUse or JetStreamError.SubjectsOverlap })
            {
                found = await FindBucketAsync(cancellationToken).ConfigureAwait(false);
            }

            if (found is null)
            {
                NatsLogApi.ThrowIfRefused(created, $"to create the bucket with the sessions of hub '{hub.Name}'");
                return;
            }
        }

        if (found.MaxAge != wanted.MaxAge)
        {
            var updated = await api.ConfigureAsync("UPDATE", wanted with { Storage = found.Storage, Replicas = found.Replicas }, cancellationToken).ConfigureAwait(false);
            NatsLogApi.ThrowIfRefused(updated, $"to keep the sessions of hub '{hub.Name}' for another time");
        }
    }

    /// <summary>Waits for a bucket that another node was quicker to create: the server refuses ours a moment before it has theirs.</summary>
    /// <returns>What it is like; null if there is none, so that something else is in the way.</returns>
    private async Task<JetStreamConfig?> FindBucketAsync(CancellationToken cancellationToken)
    {
        for (var started = api.Time.GetTimestamp(); api.Time.GetElapsedTime(started) < api.Timeout;)
        {
            if (await api.GetInfoAsync(_names.Stream, null, cancellationToken).ConfigureAwait(false) is { Config: { } found })
            {
                return found;
            }

            await api.PauseAsync(Pause).ConfigureAwait(false);
        }

        return null;
    }
}

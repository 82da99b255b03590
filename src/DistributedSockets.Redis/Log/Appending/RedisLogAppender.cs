using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Sends the appends of one hub, in the order of their calls.</summary>
/// <remarks>
/// A call is sent without waiting for the answer of the one before. What arrives while two are under way goes into the next call together:
/// an entry that comes alone costs Redis several times as much as one of many, so more calls under way would only cost more.
/// <para>
/// A call that Redis did not carry out, since it has forgotten the script, the slot has moved, or the log has begun another epoch, is repeated
/// when all others have been answered, unless a later one was carried out: then it is refused, as repeating it would break the order.
/// From then on one call at a time is sent, with the whole script, until one succeeds. So it is at first, and after a connection was lost.
/// </para>
/// </remarks>
internal sealed class RedisLogAppender(RedisLogHub hub, RedisLogFeed feed, StrongBox<long> pendingBytes, TimeSpan timeout, TimeProvider time, RedisReplicaWaits? replicas)
{
    private const int MaxInFlight = 2;
    private const int MaxEntries = 128;
    private const int MaxBytes = 256 * 1024;
    private const int MaxKeys = 2_048;
    private const int FirstOffset = 3; // in the answer of the script

    private static readonly byte[] Hash = SHA1.HashData(Encoding.UTF8.GetBytes(RedisLogScripts.Append));
    private static readonly RedisValue Unkeyed = "0";
    private static readonly RedisValue Keyed = "1";
    private static readonly RedisValue Unfenced = "0";

    private readonly Lock _gate = new();
    private readonly Queue<RedisPendingAppend> _waiting = [];
    private readonly Queue<RedisLogBatch> _repeats = [];
    private readonly Queue<RedisLogBatch> _underWay = []; // in the order in which they were sent
    private int _unanswered;
    private int _notDone;
    private bool _isSending;
    private bool _isCareful = true;
    private bool _isClosed;

    /// <summary>Appends when what was given before has been sent.</summary>
    /// <param name="append">What to append. Its bytes have been added to those that wait, and are taken off when they do no longer.</param>
    public void Append(RedisPendingAppend append)
    {
        bool isClosed;
        lock (_gate)
        {
            isClosed = _isClosed;
            if (!isClosed)
            {
                _waiting.Enqueue(append);
            }
        }

        if (isClosed)
        {
            Retire(append, isAnswered: true);
            append.Fail(new ObjectDisposedException(nameof(RedisMessageLog)));
            return;
        }

        Send();
    }

    /// <summary>Has everything that waits fail. What has been sent ends with its connection, or by its time.</summary>
    public void Close()
    {
        RedisPendingAppend[] waiting;
        lock (_gate)
        {
            _isClosed = true;
            waiting = [.. _repeats.SelectMany(static batch => batch.Appends), .. _waiting];
            _waiting.Clear();
            _repeats.Clear();
        }

        foreach (var append in waiting)
        {
            Retire(append, isAnswered: true);
            append.Fail(new ObjectDisposedException(nameof(RedisMessageLog)));
        }
    }

    /// <summary>Takes care from now on: the script may not be there.</summary>
    public void Doubt()
    {
        lock (_gate)
        {
            _isCareful = true;
        }
    }

    private void Send()
    {
        while (true)
        {
            RedisLogBatch? batch;
            lock (_gate)
            {
                // Whoever sends now sees what was given meanwhile, when it comes back here.
                if (_isSending || (batch = NextLocked()) is null)
                {
                    return;
                }

                batch.IsCareful = _isCareful;
                batch.Ended = RedisLogBatch.Outcome.Open;
                _isSending = true;
                _unanswered++;
                _underWay.Enqueue(batch);
            }

            var answering = Call(batch);
            lock (_gate)
            {
                _isSending = false;
            }

            _ = FinishAsync(batch, answering);
        }
    }

    private RedisLogBatch? NextLocked()
    {
        if (_notDone > 0 || _unanswered >= (_isCareful ? 1 : MaxInFlight))
        {
            return null;
        }

        if (_repeats.TryDequeue(out var repeated))
        {
            return repeated;
        }

        RedisLogBatch? batch = null;
        var (bytes, keys) = (0L, 0);
        while (_waiting.TryPeek(out var append))
        {
            if (batch is not null && (batch.Appends.Count == MaxEntries || bytes + append.Length > MaxBytes || keys + append.Targets.Length > MaxKeys))
            {
                break;
            }

            _waiting.Dequeue();
            if (append.TrySend())
            {
                (batch ??= new()).Appends.Add(append);
                (bytes, keys) = (bytes + append.Length, keys + append.Targets.Length);
            }
            else
            {
                Retire(append, isAnswered: true);
            }
        }

        return batch;
    }

    /// <remarks>Nothing is awaited before the call of the multiplexer, so the order of calls is the order on the wire.</remarks>
    private Task<RedisResult> Call(RedisLogBatch batch)
    {
        try
        {
            batch.Began = batch.Began == 0 ? time.GetTimestamp() : batch.Began;
            batch.Losses = feed.Losses;
            if (feed.Server is not { } server)
            {
                return Task.FromException<RedisResult>(new RedisConnectionException(
                    ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "Redis is not connected."));
            }

            batch.Server = server;
            var keys = new List<RedisKey>(4 + (batch.Appends.Count * 2));
            var values = new List<RedisValue>(10 + (batch.Appends.Count * 4));
            var state = hub.Current;
            var retention = hub.Retention!; // given with the first append
            state.Keys.AddTo(keys);
            RedisLogCalls.AddTo(values, server, state, hub.Known, retention);
            values.Add(retention.MaxEntriesPerTarget);
            values.Add(retention.MaxBytesPerTarget ?? 0);
            values.Add(RedisLogCalls.Milliseconds(retention.IdempotencyTime));
            values.Add(server.Publish);
            values.Add(server.FullNameOf(hub.Keys.Channel));
            foreach (var append in batch.Appends)
            {
                foreach (var target in append.Targets)
                {
                    keys.Add(state.Keys.Target(target));
                }

                values.Add(append.Targets.Length);
                values.Add(append.Key is null ? Unkeyed : Keyed);
                values.Add(append.Fence is { } current ? RedisLogCalls.Versions(current) : Unfenced);
                values.Add(append.Payload);
                if (append.Key is { } key)
                {
                    keys.Add(state.Keys.Idempotency(key));
                }

                if (append.Fence is { } fence)
                {
                    keys.Add(hub.Keys.Record(fence.SessionId));
                }
            }

            // The multiplexer would repeat a call whose script is gone, or follow one to another server, behind calls that were made later.
            return batch.IsCareful
                ? server.Database.ScriptEvaluateAsync(RedisLogScripts.Append, [.. keys], [.. values], CommandFlags.DemandMaster | CommandFlags.NoScriptCache)
                : server.Database.ScriptEvaluateAsync(Hash, [.. keys], [.. values], CommandFlags.DemandMaster | CommandFlags.NoRedirect);
        }
        catch (Exception exception)
        {
            return Task.FromException<RedisResult>(exception);
        }
    }

    private async Task FinishAsync(RedisLogBatch batch, Task<RedisResult> answering)
    {
        RedisLogBatch.Outcome outcome;
        try
        {
            // Off the caller, also where it has failed at once: the next call is sent from here.
            var answer = (RedisResult[]?)await answering.ConfigureAwait(ConfigureAwaitOptions.ForceYielding) ?? [];
            outcome = Judge(batch, answer);
        }
        catch (Exception exception)
        {
            batch.Cause = exception;
            outcome = Judge(exception);
        }

        var refused = Note(batch, outcome);
        Send();
        await EndAsync(batch).ConfigureAwait(false);
        foreach (var one in refused)
        {
            await EndAsync(one).ConfigureAwait(false);
        }
    }

    /// <returns>Those that were not carried out and cannot be repeated.</returns>
    private List<RedisLogBatch> Note(RedisLogBatch batch, RedisLogBatch.Outcome outcome)
    {
        List<RedisLogBatch> refused = [];
        lock (_gate)
        {
            batch.Ended = outcome;
            _unanswered--;
            _notDone += outcome == RedisLogBatch.Outcome.NotDone ? 1 : 0;
            _isCareful = outcome != RedisLogBatch.Outcome.Done || (_isCareful && !batch.IsCareful);
            while (_underWay.TryPeek(out var first) && first.Ended is not (RedisLogBatch.Outcome.Open or RedisLogBatch.Outcome.NotDone))
            {
                _underWay.Dequeue();
            }

            if (_unanswered == 0 && _notDone > 0)
            {
                SettleLocked(refused);
            }
        }

        return refused;
    }

    /// <summary>All calls have been answered: decides what becomes of those that were not carried out.</summary>
    private void SettleLocked(List<RedisLogBatch> refused)
    {
        RedisLogBatch[] rest = [.. _underWay];
        var last = Array.FindLastIndex(rest, static batch => batch.Ended is RedisLogBatch.Outcome.Done or RedisLogBatch.Outcome.Unknown);
        RedisLogBatch[] behind = [.. _repeats]; // what was not carried out again stays before those that have not had their turn
        _underWay.Clear();
        _repeats.Clear();
        _notDone = 0;
        for (var i = 0; i < rest.Length; i++)
        {
            if (rest[i].Ended != RedisLogBatch.Outcome.NotDone)
            {
                continue;
            }

            // Given up before whoever waits does, so that it is told that nothing was appended.
            if (i > last && time.GetElapsedTime(rest[i].Began) < timeout / 2 && !_isClosed)
            {
                _repeats.Enqueue(rest[i]);
            }
            else
            {
                rest[i].Ended = RedisLogBatch.Outcome.Refused;
                refused.Add(rest[i]);
            }
        }

        foreach (var batch in behind)
        {
            _repeats.Enqueue(batch);
        }
    }

    private RedisLogBatch.Outcome Judge(RedisLogBatch batch, RedisResult[] answer)
    {
        batch.Answer = answer;
        if (answer.Length == 3 && (long)answer[0] == RedisLogScripts.OtherEpoch)
        {
            hub.Note((long)answer[1], 0);
            batch.Cause = new RedisException("The log has begun another epoch.");
            return RedisLogBatch.Outcome.NotDone;
        }

        if (answer.Length != FirstOffset + batch.Appends.Count)
        {
            batch.Cause = new RedisException("Redis answered something that cannot be read.");
            return RedisLogBatch.Outcome.Unknown;
        }

        return RedisLogBatch.Outcome.Done;
    }

    private static RedisLogBatch.Outcome Judge(Exception exception) => exception switch
    {
        RedisServerException { Kind: RedisErrorKind.NoScript or RedisErrorKind.Moved or RedisErrorKind.Ask or RedisErrorKind.TryAgain or RedisErrorKind.UnknownRedirectTarget } =>
            RedisLogBatch.Outcome.NotDone,
        RedisServerException => RedisLogBatch.Outcome.Refused,
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToResolvePhysicalConnection } => RedisLogBatch.Outcome.Refused,
        _ => RedisLogBatch.Outcome.Unknown,
    };

    private async Task EndAsync(RedisLogBatch batch)
    {
        switch (batch.Ended)
        {
            case RedisLogBatch.Outcome.Done:
                hub.Note((long)batch.Answer[1], HighestOf(batch.Answer));
                Complete(batch, replicas is null ? null : await WaitForReplicasAsync(batch, replicas).ConfigureAwait(false));
                break;
            case RedisLogBatch.Outcome.Refused or RedisLogBatch.Outcome.Unknown:
                var isUnknown = batch.Ended == RedisLogBatch.Outcome.Unknown;
                var failure = RedisLogCalls.NotAppended(batch.Cause!, isUnknown, timeout); // whatever did not succeed has one
                if (isUnknown)
                {
                    feed.Doubt();
                }

                foreach (var append in batch.Appends)
                {
                    Retire(append, isAnswered: !isUnknown);
                    append.Fail(failure);
                }

                break;
        }
    }

    private void Complete(RedisLogBatch batch, Exception? missing)
    {
        var epoch = (long)batch.Answer[1];
        var previous = (long)batch.Answer[2];
        for (var i = 0; i < batch.Appends.Count; i++)
        {
            var append = batch.Appends[i];
            var offset = (long)batch.Answer[FirstOffset + i];
            Retire(append, isAnswered: true);
            if (missing is not null)
            {
                append.Fail(missing);
            }
            else if (offset == 0)
            {
                append.Fail(new StaleFenceException());
            }
            else if (offset < 0)
            {
                append.Complete(new() { Position = new(epoch, -offset), IsRepeat = true });
            }
            else
            {
                append.Complete(new() { Position = new(epoch, offset), PreviousOffset = previous });
                previous = offset;
            }
        }
    }

    private static long HighestOf(RedisResult[] answer)
    {
        var highest = 0L;
        for (var i = FirstOffset; i < answer.Length; i++)
        {
            highest = Math.Max(highest, Math.Abs((long)answer[i]));
        }

        return highest;
    }

    private async Task<Exception?> WaitForReplicasAsync(RedisLogBatch batch, RedisReplicaWaits waits)
    {
        try
        {
            var count = await waits.WaitAsync(batch.Server!).ConfigureAwait(false); // it was sent to one
            return count < waits.Count ? RedisLogCalls.NotReplicated($"{count} of {waits.Count} replicas confirmed it within {timeout}.", null)
                : batch.Losses != feed.Losses ? RedisLogCalls.NotReplicated("The connection was lost meanwhile.", null)
                : null;
        }
        catch (Exception exception)
        {
            return RedisLogCalls.NotReplicated(exception.Message, exception);
        }
    }

    private void Retire(RedisPendingAppend append, bool isAnswered)
    {
        Interlocked.Add(ref pendingBytes.Value, -append.Length);
        if (isAnswered)
        {
            append.Release();
        }
    }
}

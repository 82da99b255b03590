using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>Which channels this node needs, counted, and which it has.</summary>
/// <remarks>
/// Calls to the backplane are serialised per channel and never across channels; all who wait for a channel share one attempt. A channel
/// that nobody needs any more is given up later, by <see cref="ReconcileAsync"/>, or forgotten at once if the backplane cannot know it: so
/// an outage leaves nothing here of those who come and go meanwhile.
/// </remarks>
internal sealed class ChannelSubscriptions(
    IBackplane backplane, NodeHealth health, LossReporter losses, TimeProvider time, TimeSpan unsubscribeDelay, TimeSpan timeout)
{
    private const int BatchSize = 256;

    private static readonly string[] s_kinds = ["user", "group", "node"];

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private int _refusals; // how many there have been
    private int _settledRefusals; // up to which one no needed channel is refused any more

    /// <summary>How many channels are subscribed or needed.</summary>
    internal int Count => _entries.Count;

    /// <summary>How often a channel is needed.</summary>
    internal int CountNeeded(string channel) => _entries.TryGetValue(channel, out var entry) ? Volatile.Read(ref entry.Needed) : 0;

    /// <summary>Whether this node listens to a channel, as far as it knows.</summary>
    internal bool IsSubscribed(string channel) => _entries.TryGetValue(channel, out var entry) && Volatile.Read(ref entry.Subscribed);

    /// <summary>Which needed channels the transport refuses, by their kind, and what it says; <see langword="null"/> if it refuses none.</summary>
    internal string? Refusal
    {
        get
        {
            var refusals = Volatile.Read(ref _refusals); // before the look, as others may come meanwhile
            if (refusals == Volatile.Read(ref _settledRefusals))
            {
                return null;
            }

            var kinds = new SortedSet<string>(StringComparer.Ordinal);
            var (count, words) = (0, "");
            foreach (var (channel, entry) in _entries)
            {
                lock (entry)
                {
                    if (entry is { Refusal: { } refusal, Subscribed: false, Needed: > 0 })
                    {
                        count++;
                        kinds.Add(KindOf(channel));
                        words = refusal;
                    }
                }
            }

            if (count == 0)
            {
                Volatile.Write(ref _settledRefusals, refusals);
                return null;
            }

            return $"The backplane's transport refuses {count} needed channel{(count == 1 ? "" : "s")} ({string.Join(", ", kinds)}); " +
                $"what other nodes send by {(count == 1 ? "it" : "them")} does not arrive. {words}";
        }
    }

    /// <summary>Needs a channel once more and returns when it is subscribed.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="keep">Whether the need stays when the backplane is away, for <see cref="ReconcileAsync"/> to fulfil.</param>
    /// <exception cref="BackplaneUnavailableException">The channel is not subscribed.</exception>
    /// <exception cref="BackplaneRefusedException">The transport refuses the channel; a need that stays is asked for again by <see cref="ReconcileAsync"/>.</exception>
    internal ValueTask AcquireAsync(string channel, bool keep)
    {
        while (true)
        {
            var entry = _entries.GetOrAdd(channel, static _ => new());
            lock (entry)
            {
                if (entry.Removed)
                {
                    continue;
                }

                entry.Needed++;
                if (entry is { Subscribed: true, Work: null })
                {
                    return ValueTask.CompletedTask;
                }

                if (health.IsBackplaneAway && entry.Work is null)
                {
                    entry.Needed -= keep ? 0 : 1;
                    entry.MissingSince = keep ? entry.MissingSince ?? time.GetUtcNow() : entry.MissingSince;
                    entry.IdleSince = time.GetTimestamp();
                    ForgetUnknownLocked(channel, entry);
                    return ValueTask.FromException(new BackplaneUnavailableException(
                        "The backplane is away, so the channel was not subscribed. It is tried again when the backplane is back."));
                }

                return new(AwaitAsync(channel, entry, WorkLocked(channel, entry), keep));
            }
        }
    }

    /// <summary>Needs a channel once more, to be subscribed by <see cref="ReconcileAsync"/>.</summary>
    internal void AcquireLater(string channel)
    {
        while (true)
        {
            var entry = _entries.GetOrAdd(channel, static _ => new());
            lock (entry)
            {
                if (!entry.Removed)
                {
                    entry.Needed++;
                    entry.MissingSince = entry.Subscribed ? null : entry.MissingSince ?? time.GetUtcNow();
                    return;
                }
            }
        }
    }

    internal void Release(string channel)
    {
        if (_entries.TryGetValue(channel, out var entry))
        {
            lock (entry)
            {
                entry.Needed--;
                entry.IdleSince = time.GetTimestamp();
                ForgetUnknownLocked(channel, entry);
            }
        }
    }

    /// <summary>Notes that the backplane has lost a channel, as the transport has come to refuse it.</summary>
    internal void Refuse(string channel, BackplaneRefusedException cause)
    {
        if (_entries.TryGetValue(channel, out var entry))
        {
            lock (entry)
            {
                RefuseLocked(entry, cause);
                entry.Subscribed = false;
                entry.MissingSince = entry.Needed > 0 ? entry.MissingSince ?? time.GetUtcNow() : null;
            }
        }
    }

    /// <summary>Subscribes what is needed and missing, unless the backplane is away, and gives up what has been idle for long enough.</summary>
    /// <exception cref="BackplaneUnavailableException">Something is still missing, and not because it is refused, which <see cref="Refusal"/> says.</exception>
    internal async Task ReconcileAsync()
    {
        var work = new List<Task>(BatchSize);
        Exception? failure = null;
        foreach (var (channel, entry) in _entries)
        {
            lock (entry)
            {
                if (!entry.Removed && (entry.Needed > 0 ? !entry.Subscribed && !health.IsBackplaneAway : IsIdleLocked(entry)))
                {
                    work.Add(WorkLocked(channel, entry));
                }
            }

            if (work.Count == BatchSize)
            {
                failure = await AllAsync(work) ?? failure;
                work.Clear();
            }
        }

        failure = await AllAsync(work) ?? failure;
        if (failure is not null)
        {
            throw failure;
        }

        async Task<Exception?> AllAsync(List<Task> tasks)
        {
            try
            {
                var all = Task.WhenAll(tasks);
                all.Observe();
                await all.WaitAsync(timeout, time);
                return null;
            }
            catch (BackplaneRefusedException)
            {
                return tasks.Select(static task => task.Exception?.InnerException).FirstOrDefault(static other => other is not null and not BackplaneRefusedException);
            }
            catch (Exception exception)
            {
                return exception as BackplaneUnavailableException ?? NotInTime(exception);
            }
        }
    }

    private BackplaneUnavailableException NotInTime(Exception exception) =>
        new($"The backplane did not subscribe a channel within {timeout}. It is tried again if a connection here needs it.", exception);

    private async Task AwaitAsync(string channel, Entry entry, Task work, bool keep)
    {
        try
        {
            await work.WaitAsync(timeout, time);
        }
        catch (Exception exception)
        {
            lock (entry)
            {
                if (keep && !entry.Subscribed)
                {
                    entry.MissingSince ??= time.GetUtcNow();
                }
            }

            if (!keep)
            {
                Release(channel);
            }

            throw exception as BackplaneUnavailableException ?? NotInTime(exception);
        }
    }

    private static bool IsNeeded(Entry entry)
    {
        lock (entry)
        {
            return entry.Needed > 0;
        }
    }

    /// <summary>Forgets a channel that nobody needs and that the backplane cannot know.</summary>
    private void ForgetUnknownLocked(string channel, Entry entry)
    {
        if (entry is { Needed: 0, Subscribed: false, MayBeSubscribed: false, Work: null, Removed: false })
        {
            entry.Removed = true;
            _entries.TryRemove(channel, out _);
        }
    }

    private bool IsIdleLocked(Entry entry) => entry.Needed == 0 && time.GetElapsedTime(entry.IdleSince) >= unsubscribeDelay;

    private Task WorkLocked(string channel, Entry entry)
    {
        if (entry.Work is null)
        {
            entry.Work = Task.Run(() => ConvergeAsync(channel, entry));
            entry.Work.Observe(); // it may fail when nobody waits any more
        }

        return entry.Work;
    }

    /// <summary>Brings the backplane to what is needed; ends when it is, or when an attempt fails.</summary>
    private async Task ConvergeAsync(string channel, Entry entry)
    {
        var subscribe = false;
        try
        {
            while (true)
            {
                int refusals;
                lock (entry)
                {
                    if (entry.Needed > 0 ? entry.Subscribed : !IsIdleLocked(entry))
                    {
                        entry.Work = null;
                        return;
                    }

                    if (entry is { Needed: 0, Subscribed: false, MayBeSubscribed: false })
                    {
                        entry.Work = null;
                        ForgetUnknownLocked(channel, entry);
                        return;
                    }

                    subscribe = entry.Needed > 0;
                    refusals = entry.Refusals;
                    entry.Subscribed = false; // before the call: who comes meanwhile waits for its outcome
                    entry.MayBeSubscribed = true;
                }

                if (subscribe)
                {
                    await backplane.SubscribeAsync(channel);
                    subscribe = false; // it is known to the backplane from here on
                    DateTimeOffset? missingSince;
                    lock (entry)
                    {
                        if (entry.Refusals != refusals)
                        {
                            throw new BackplaneRefusedException(entry.Refusal!); // said while the backplane completed
                        }

                        entry.Subscribed = true;
                        entry.Refusal = null;
                        missingSince = entry.Needed > 0 ? entry.MissingSince : null;
                        entry.MissingSince = null;
                    }

                    if (missingSince is not null && !health.IsBackplaneAway)
                    {
                        losses.Report(PossibleLossCause.BackplaneReconnected, "Channels could be subscribed only late; messages on them may be missing.", missingSince);
                    }
                }
                else
                {
                    try
                    {
                        await backplane.UnsubscribeAsync(channel);
                    }
                    catch (Exception) when (IsNeeded(entry))
                    {
                        continue; // whoever needs it again must not fail for that
                    }

                    lock (entry)
                    {
                        entry.MayBeSubscribed = false;
                    }
                }
            }
        }
        catch (Exception exception)
        {
            lock (entry)
            {
                entry.Work = null;
                entry.MayBeSubscribed &= !(subscribe && exception is BackplaneUnavailableException); // by which the backplane says that it is not
                if (exception is BackplaneRefusedException refusal)
                {
                    RefuseLocked(entry, refusal);
                }
            }

            throw exception as BackplaneUnavailableException ?? new BackplaneUnavailableException(
                $"The backplane failed to change the subscription of a channel: {exception.Message} It is tried again.", exception);
        }
    }

    private void RefuseLocked(Entry entry, BackplaneRefusedException cause)
    {
        entry.Refusal = cause.Message;
        entry.Refusals++;
        Interlocked.Increment(ref _refusals);
    }

    /// <summary>What a channel is for, as it is named behind prefix, version and hub; one of another form is a "channel".</summary>
    private static string KindOf(string channel) => channel.Split(':') is [.., "all"] ? "all"
        : Array.Find(s_kinds, kind => channel.Contains($":{kind}:", StringComparison.Ordinal)) ?? "channel";

    private sealed class Entry
    {
        internal int Needed;
        internal long IdleSince;
        internal bool Subscribed;

        /// <summary>Whether the backplane may know the channel: it failed in the middle of a change.</summary>
        internal bool MayBeSubscribed;

        /// <summary>Since when a member here has been without its channel.</summary>
        internal DateTimeOffset? MissingSince;

        /// <summary>What the transport said when it refused the channel, until it is subscribed.</summary>
        internal string? Refusal;

        /// <summary>How often it has refused it.</summary>
        internal int Refusals;
        internal bool Removed;
        internal Task? Work;
    }
}

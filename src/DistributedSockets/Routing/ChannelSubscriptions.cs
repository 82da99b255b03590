using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>Which channels this node needs, counted, and which it has.</summary>
/// <remarks>
/// Calls to the backplane are serialised per channel and never across channels; all who wait for a channel share one attempt. A channel
/// that nobody needs any more is given up later, by <see cref="ReconcileAsync"/>.
/// </remarks>
internal sealed class ChannelSubscriptions(
    IBackplane backplane, LocalNode node, LossReporter losses, TimeProvider time, TimeSpan unsubscribeDelay, TimeSpan timeout)
{
    private const int BatchSize = 256;

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>How many channels are subscribed or needed.</summary>
    internal int Count => _entries.Count;

    /// <summary>How often a channel is needed.</summary>
    internal int CountNeeded(string channel) => _entries.TryGetValue(channel, out var entry) ? Volatile.Read(ref entry.Needed) : 0;

    /// <summary>Needs a channel once more and returns when it is subscribed.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="keep">Whether the need stays when the backplane is away, for <see cref="ReconcileAsync"/> to fulfil.</param>
    /// <exception cref="BackplaneUnavailableException">The channel is not subscribed.</exception>
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

                if (node.IsBackplaneAway && entry.Work is null)
                {
                    entry.Needed -= keep ? 0 : 1;
                    entry.MissingSince = keep ? entry.MissingSince ?? time.GetUtcNow() : entry.MissingSince;
                    entry.IdleSince = time.GetTimestamp();
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
            }
        }
    }

    /// <summary>Subscribes what is needed and missing, and gives up what has been idle for long enough.</summary>
    /// <exception cref="BackplaneUnavailableException">Something is still missing.</exception>
    internal async Task ReconcileAsync()
    {
        var work = new List<Task>(BatchSize);
        Exception? failure = null;
        foreach (var (channel, entry) in _entries)
        {
            lock (entry)
            {
                if (!entry.Removed && (entry.Needed > 0 ? !entry.Subscribed : IsIdleLocked(entry)))
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
        try
        {
            while (true)
            {
                bool subscribe;
                lock (entry)
                {
                    if (entry.Needed > 0 ? entry.Subscribed : !IsIdleLocked(entry))
                    {
                        entry.Work = null;
                        return;
                    }

                    if (entry is { Needed: 0, Subscribed: false, MayBeSubscribed: false })
                    {
                        entry.Removed = true;
                        entry.Work = null;
                        _entries.TryRemove(channel, out _);
                        return;
                    }

                    subscribe = entry.Needed > 0;
                    entry.Subscribed = false; // before the call: who comes meanwhile waits for its outcome
                    entry.MayBeSubscribed = true;
                }

                if (subscribe)
                {
                    await backplane.SubscribeAsync(channel);
                    DateTimeOffset? missingSince;
                    lock (entry)
                    {
                        entry.Subscribed = true;
                        missingSince = entry.Needed > 0 ? entry.MissingSince : null;
                        entry.MissingSince = null;
                    }

                    if (missingSince is not null && !node.IsBackplaneAway)
                    {
                        losses.Report(PossibleLossCause.BackplaneReconnected, "Channels could be subscribed only late; messages on them may be missing.", missingSince);
                    }
                }
                else
                {
                    await backplane.UnsubscribeAsync(channel);
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
            }

            throw exception as BackplaneUnavailableException ?? new BackplaneUnavailableException(
                $"The backplane failed to change the subscription of a channel: {exception.Message} It is tried again.", exception);
        }
    }

    private sealed class Entry
    {
        internal int Needed;
        internal long IdleSince;
        internal bool Subscribed;

        /// <summary>Whether the backplane may know the channel: it failed in the middle of a change.</summary>
        internal bool MayBeSubscribed;

        /// <summary>Since when a member here has been without its channel.</summary>
        internal DateTimeOffset? MissingSince;
        internal bool Removed;
        internal Task? Work;
    }
}

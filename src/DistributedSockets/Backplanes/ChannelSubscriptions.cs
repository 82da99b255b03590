using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>Which channels this node needs, counted, and which it has.</summary>
/// <remarks>
/// Calls to the backplane are serialised per channel and never across channels; all who wait for a channel share one attempt. A channel
/// that nobody needs any more is given up later, by <see cref="ReconcileAsync"/>.
/// </remarks>
internal sealed class ChannelSubscriptions(IBackplane backplane, NodeState node, TimeProvider time, TimeSpan unsubscribeDelay)
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
                    return ValueTask.FromException(new BackplaneUnavailableException(
                        "The backplane is away, so the channel was not subscribed. It is tried again when the backplane is back."));
                }

                return new(AwaitAsync(channel, WorkLocked(channel, entry), keep));
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
                await Task.WhenAll(work);
                work.Clear();
            }
        }

        await Task.WhenAll(work);
    }

    private async Task AwaitAsync(string channel, Task work, bool keep)
    {
        try
        {
            await work;
        }
        catch
        {
            if (!keep)
            {
                Release(channel);
            }

            throw;
        }
    }

    private bool IsIdleLocked(Entry entry) => entry.Needed == 0 && time.GetElapsedTime(entry.IdleSince) >= unsubscribeDelay;

    private Task WorkLocked(string channel, Entry entry)
    {
        if (entry.Work is null)
        {
            var work = Task.Run(() => ConvergeAsync(channel, entry));
            entry.Work = work;
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

                    if (entry is { Needed: 0, Subscribed: false })
                    {
                        entry.Removed = true;
                        entry.Work = null;
                        _entries.TryRemove(channel, out _);
                        return;
                    }

                    subscribe = entry.Needed > 0;
                    entry.Subscribed = false; // before the call: who comes meanwhile waits for its outcome
                }

                if (subscribe)
                {
                    await backplane.SubscribeAsync(channel);
                    lock (entry)
                    {
                        entry.Subscribed = true;
                    }
                }
                else
                {
                    await backplane.UnsubscribeAsync(channel);
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
        internal bool Removed;
        internal Task? Work;
    }
}

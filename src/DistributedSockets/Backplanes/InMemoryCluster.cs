using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace DistributedSockets;

/// <summary>The memory that in-memory backplanes, message logs and session stores of one process share. Hosts that use the same one form a cluster.</summary>
/// <remarks>By default every host has one of its own: a cluster of one node. Hand one to several hosts with <c>UseInMemory</c>.</remarks>
public sealed class InMemoryCluster
{
    private readonly ConcurrentDictionary<string, InMemoryChannel> _channels = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Prefix, string Hub), InMemoryHubLog> _logs = new();
    private readonly ConcurrentDictionary<string, InMemoryDirectory> _directories = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, InMemoryPresence> _presences = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, InMemoryTickets> _tickets = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;

    /// <summary>Creates a cluster.</summary>
    /// <param name="time">The clock of node leases, and of the age of what logs keep; <see langword="null"/> for the system's.</param>
    public InMemoryCluster(TimeProvider? time = null) => _time = time ?? TimeProvider.System;

    /// <summary>Tells it from those of other processes.</summary>
    internal string Id { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    internal InMemoryDirectory Directory(string prefix) => _directories.GetOrAdd(prefix, static (_, time) => new(time), _time);

    internal InMemoryHubLog HubLog(string prefix, string hub) => _logs.GetOrAdd((prefix, hub), static (key, time) => new(key.Hub, time), _time);

    internal InMemoryPresence Presence(string prefix) => _presences.GetOrAdd(prefix, static _ => new());

    internal InMemoryTickets Tickets(string prefix) => _tickets.GetOrAdd(prefix, static (_, time) => new(time), _time);

    internal void Subscribe(string channel, IBackplaneReceiver receiver)
    {
        while (!_channels.GetOrAdd(channel, static _ => new()).TryAdd(receiver))
        {
        }
    }

    internal void Unsubscribe(string channel, IBackplaneReceiver receiver)
    {
        if (_channels.TryGetValue(channel, out var subscribers) && subscribers.Remove(receiver))
        {
            _channels.TryRemove(channel, out _);
        }
    }

    internal int Publish(string channel, ReadOnlyMemory<byte> payload) =>
        _channels.TryGetValue(channel, out var subscribers) ? subscribers.Deliver(channel, payload) : 0;
}

using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Keeps tickets for the hosts of one process. The default, where it is a cluster of one.</summary>
internal sealed class InMemoryConnectionTicketStore(InMemoryCluster cluster, IOptions<DistributedWebSocketsClusterOptions> options) : IConnectionTicketStore
{
    private readonly InMemoryTickets _tickets = cluster.Tickets(options.Value.Prefix);

    public ValueTask AddAsync(string key, ReadOnlyMemory<byte> ticket, TimeSpan lifetime, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        cancellationToken.ThrowIfCancellationRequested();
        _tickets.Add(key, ticket.ToArray(), lifetime);
        return ValueTask.CompletedTask;
    }

    public ValueTask<byte[]?> TakeAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_tickets.Take(key));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Says whether this node takes another connection, before anything has been done for it.</summary>
internal sealed class Admission(
    Drain drain, ISessionStore store, IOptions<DistributedWebSocketsOptions> options, TimeProvider time, ConnectionLog log)
{
    private const int Unlimited = 1_000_000;
    private const int SubnetBytes = 8; // an IPv6 host usually owns its /64

    private readonly DistributedWebSocketsOptions _options = options.Value;
    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _addresses = [];
    private Pace _handshakes = new(options.Value.MaxHandshakesPerSecond);
    private int _open;

    /// <summary>Counts a connection in, or says why not. Pair a success with <see cref="Leave"/>.</summary>
    internal Refusal? TryEnter(IPAddress? address)
    {
        if (!drain.TryEnter())
        {
            return new(
                StatusCodes.Status503ServiceUnavailable,
                "This server is shutting down. Connect again; another one will answer.",
                RefusalKind.Draining,
                "The node is shutting down: the load balancer should ask the readiness check, and send newcomers elsewhere as soon as it fails.");
        }

        Refusal refusal;
        if (Interlocked.Increment(ref _open) > _options.MaxConnections)
        {
            refusal = new(
                StatusCodes.Status503ServiceUnavailable,
                "This server holds as many connections as it may. Connect again later; another one may answer.",
                RefusalKind.MaxConnections,
                $"The node holds {_options.MaxConnections} connections. Raise DistributedWebSocketsOptions.MaxConnections if it can hold more, or add nodes.");
        }
        else if (!TryCount(address))
        {
            refusal = new(
                StatusCodes.Status429TooManyRequests,
                "Your address holds as many connections to this server as it may. Close one first.",
                RefusalKind.MaxPerAddress,
                $"Its address holds {_options.MaxConnectionsPerAddress} connections. Raise DistributedWebSocketsOptions.MaxConnectionsPerAddress if many people share " +
                "an address; behind a proxy, use UseForwardedHeaders, or all of them do.");
        }
        else
        {
            if (IsInPace())
            {
                return null;
            }

            Discount(address);
            refusal = new(
                StatusCodes.Status503ServiceUnavailable,
                "This server takes no more connections at the moment. Connect again in a second or more.",
                RefusalKind.MaxHandshakes,
                $"The node has taken {_options.MaxHandshakesPerSecond} handshakes within a second. Raise DistributedWebSocketsOptions.MaxHandshakesPerSecond if it can take more.");
        }

        Interlocked.Decrement(ref _open);
        drain.Leave();
        return refusal;
    }

    internal void Leave(IPAddress? address)
    {
        Discount(address);
        Interlocked.Decrement(ref _open);
        drain.Leave();
    }

    /// <summary>Whether a user may have another connection. While the session store is away, or does not answer in time, only those of this node count.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="userId">The user.</param>
    /// <param name="resumed">The session that it is to go on with, which is no other; null if it is to begin one.</param>
    /// <param name="context">The request.</param>
    internal async ValueTask<Refusal?> CheckUserAsync(HubConnections hub, string userId, string? resumed, HttpContext context)
    {
        var max = hub.Options.MaxConnectionsPerUser;
        if (max == Unlimited)
        {
            return null;
        }

        long connections = hub.User(userId).Count - (resumed is not null && hub.Find(resumed) is { } old && old.UserId == userId ? 1 : 0);
        if (connections < max)
        {
            var cancellationToken = context.RequestAborted;
            try
            {
                Func<CancellationToken, ValueTask<long>> count = token => store.CountAsync(SessionQuery.ForUser(hub.Name, userId), token);
                connections = await count.WithinAsync("The session store", _options.RemoteCommandTimeout, time, cancellationToken);
                if (connections >= max && resumed is not null)
                {
                    Func<CancellationToken, ValueTask<Session?>> find = token => store.FindAsync(hub.Name, resumed, token);
                    connections -= (await find.WithinAsync("The session store", _options.RemoteCommandTimeout, time, cancellationToken))?.UserId == userId ? 1 : 0;
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                log.CountedWithoutStore(exception); // nobody is kept out because a directory is down
            }
        }

        return connections < max
            ? null
            : new(
                StatusCodes.Status429TooManyRequests,
                "You hold as many connections as you may. Close one first.",
                RefusalKind.MaxPerUser,
                $"Its user holds {max} connections. Raise DistributedWebSocketsOptions.MaxConnectionsPerUser if one user may have more, such as one for each tab.");
    }

    private static IPAddress Key(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(SubnetBytes).Clear();
        return new(bytes);
    }

    private bool IsInPace()
    {
        if (_options.MaxHandshakesPerSecond == Unlimited)
        {
            return true;
        }

        lock (_gate)
        {
            return _handshakes.TryTake(time, time.GetTimestamp());
        }
    }

    private bool TryCount(IPAddress? address)
    {
        if (address is null || _options.MaxConnectionsPerAddress == Unlimited)
        {
            return true;
        }

        var key = Key(address);
        lock (_gate)
        {
            var count = _addresses.GetValueOrDefault(key);
            if (count >= _options.MaxConnectionsPerAddress)
            {
                return false;
            }

            _addresses[key] = count + 1;
            return true;
        }
    }

    private void Discount(IPAddress? address)
    {
        if (address is null || _options.MaxConnectionsPerAddress == Unlimited)
        {
            return;
        }

        var key = Key(address);
        lock (_gate)
        {
            if (--_addresses[key] == 0)
            {
                _addresses.Remove(key);
            }
        }
    }
}

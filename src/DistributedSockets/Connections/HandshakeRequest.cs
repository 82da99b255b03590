using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>The request of a handshake for as long as it is the connection's, and afterwards what it said.</summary>
/// <remarks>
/// The request lives as long as its connection, so there is no need for a copy before its end, or before somebody asks. Afterwards it is the
/// server's again, which uses it for others: on HTTP/2 while other connections go on.
/// </remarks>
internal sealed class HandshakeRequest(HttpContext context)
{
    private HttpContext? _context = context;
    private HandshakeValues? _values;
    private CancellationTokenRegistration _watch;
    private IServiceScope? _scope;

    /// <summary>What it said.</summary>
    internal HandshakeValues Values
    {
        get
        {
            if (Volatile.Read(ref _values) is { } values)
            {
                return values;
            }

            lock (this)
            {
                return _values ??= new(_context!); // one of the two is always there
            }
        }
    }

    /// <summary>Its services. Called once, at the beginning.</summary>
    /// <remarks>
    /// Where nobody has asked for them before, their scope is ours to begin and to end: the server would keep more with the request than the
    /// scope itself takes.
    /// </remarks>
    internal IServiceProvider GetServices(IServiceScopeFactory scopes)
    {
        var features = _context!.Features; // it is not released yet
        if (features.Get<IServiceProvidersFeature>() is null)
        {
            _scope = scopes.CreateScope();
            features.Set<IServiceProvidersFeature>(new ServiceProvidersFeature { RequestServices = _scope.ServiceProvider });
        }

        return _context.RequestServices;
    }

    /// <summary>Ends the scope of its services, if that is ours.</summary>
    internal ValueTask EndServicesAsync()
    {
        if (_scope is not { } scope)
        {
            return ValueTask.CompletedTask;
        }

        _scope = null;
        _context!.Features.Set<IServiceProvidersFeature>(null); // whoever asks from here on gets others; it is not released yet
        return Disposal.DisposeAsync(scope);
    }

    /// <summary>Cuts its transport, unless it is over.</summary>
    internal void Cut(WebSocket socket)
    {
        lock (this)
        {
            if (_context is null)
            {
                return;
            }

            try
            {
                _context.Abort();
            }
            finally
            {
                socket.Abort(); // also on a server whose own abort throws
            }
        }
    }

    /// <summary>Has a connection told when the server notices that the client has gone. Need not be called where that is read from the transport.</summary>
    internal void Watch(Connection connection)
    {
        lock (this)
        {
            if (_context is not null && _watch == default)
            {
                _watch = _context.RequestAborted.UnsafeRegister(static state => ((Connection)state!).OnTransportGone(), connection); // state is connection
            }
        }
    }

    /// <summary>Lets go of the request, which is the server's again.</summary>
    internal void Release()
    {
        lock (this)
        {
            if (_context is not null)
            {
                _values ??= new(_context);
                _context = null;
                _watch.Unregister();
                _watch = default;
            }
        }
    }
}

using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>What a connection was when Kestrel's socket transport accepted it: a socket, and the pipes that lead to it. A feature of the connection.</summary>
/// <param name="socket">The socket.</param>
/// <param name="transport">The pipes. Whatever comes between them and the request later, as TLS does, puts others in their place.</param>
internal sealed class NotedTransport(Socket socket, IDuplexPipe transport)
{
    /// <summary>Notes it at a connection that has just been accepted.</summary>
    internal static void Note(ConnectionContext connection)
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
        {
            connection.Features.Set(new NotedTransport(socket, connection.Transport));
        }
    }

    /// <summary>The socket behind the pipes that a request writes to, if nothing is between them.</summary>
    internal static Socket? Find(IFeatureCollection features, IDuplexPipe transport) =>
        features.Get<NotedTransport>() is { } noted && noted.IsBehind(transport) ? noted.Socket : null;

    private Socket Socket => socket;

    private bool IsBehind(IDuplexPipe other) => ReferenceEquals(transport, other);
}

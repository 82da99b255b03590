using System.Net.Sockets;

namespace DistributedSockets;

/// <summary>The socket of a connection that nothing stands before, written to without the server's pipe in between.</summary>
/// <remarks>
/// The pipe costs a hop to another thread for each flush. Kestrel itself uses only the asynchronous operations of the socket, which work
/// the same on one that does not block. The socket stays Kestrel's, which closes it: a send afterwards fails like any other.
/// </remarks>
internal sealed class DirectSocket
{
    private readonly Socket _socket;

    internal DirectSocket(Socket socket)
    {
        socket.Blocking = false;
        _socket = socket;
    }

    /// <summary>Whether the server's pipe is empty; only then may something be sent past it.</summary>
    internal DrainProof Proof { get; } = new(TimeProvider.System); // the network's time, which goes on while that of an app's test stands still

    /// <summary>Sends what the kernel takes at once.</summary>
    /// <returns>How many bytes it took.</returns>
    /// <exception cref="IOException">The client has gone.</exception>
    internal int Send(ReadOnlySpan<byte> bytes)
    {
        var sent = _socket.Send(bytes, SocketFlags.None, out var error);
        return error switch
        {
            SocketError.Success => sent,
            SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable => 0,
            _ => throw new IOException("The client has gone.", new SocketException((int)error)),
        };
    }
}

using System.Net;
using System.Net.Sockets;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>One WebSocket of the load client, and what has come of it so far.</summary>
internal sealed class LoadConnection(int index, int node, string? user, IReadOnlyList<string> groups) : IDisposable
{
    private Socket? _socket; // none where another process connects
    private byte[] _rest = [];
    private int _restLength;
    private MemoryStream? _fragments;
    private byte[] _unsent = [];

    public int Index => index;

    /// <summary>The number of the server it is connected to.</summary>
    public int Node => node;

    public string? User => user;

    public IReadOnlyList<string> Groups => groups;

    public int Descriptor { get; private set; }

    public ConnectionState State { get; set; }

    /// <summary>Whether the kernel took less than it was given.</summary>
    public bool HasUnsent => _unsent.Length > 0;

    public void Connect(EndPoint server)
    {
        _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(server);
        Descriptor = checked((int)_socket.Handle);
    }

    /// <summary>Puts what was left over in front of what is to be received.</summary>
    public int TakeRest(Span<byte> buffer)
    {
        _rest.AsSpan(0, _restLength).CopyTo(buffer);
        var length = _restLength;
        _restLength = 0;
        return length;
    }

    /// <summary>Keeps the beginning of a frame until the rest of it comes.</summary>
    public void KeepRest(ReadOnlySpan<byte> rest)
    {
        if (rest.Length > _rest.Length)
        {
            _rest = new byte[Math.Max(rest.Length, 256)];
        }

        rest.CopyTo(_rest);
        _restLength = rest.Length;
    }

    /// <summary>Puts fragments together; returns the message when its last one has come.</summary>
    public byte[]? Join(in ServerFrame frame)
    {
        _fragments ??= new();
        _fragments.Write(frame.Payload);
        if (!frame.IsFinal)
        {
            return null;
        }

        var message = _fragments.ToArray();
        _fragments = null;
        return message;
    }

    /// <summary>Whether the last frame began a message of several.</summary>
    public bool IsJoining => _fragments is not null;

    /// <summary>Sends as much as the kernel takes.</summary>
    /// <returns>False if the connection is broken.</returns>
    public bool Send(ReadOnlySpan<byte> bytes)
    {
        if (HasUnsent)
        {
            _unsent = [.. _unsent, .. bytes];
            return true;
        }

        var sent = Libc.Send(Descriptor, bytes);
        if (sent < 0)
        {
            if (System.Runtime.InteropServices.Marshal.GetLastPInvokeError() != Libc.Again)
            {
                return false;
            }

            sent = 0;
        }

        if (sent < bytes.Length)
        {
            _unsent = bytes[(int)sent..].ToArray();
        }

        return true;
    }

    /// <summary>Sends what the kernel did not take before.</summary>
    public bool SendUnsent()
    {
        var unsent = _unsent;
        _unsent = [];
        return Send(unsent);
    }

    public void Dispose() => _socket?.Dispose();
}

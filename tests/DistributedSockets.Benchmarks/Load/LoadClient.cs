using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>The load client in this process.</summary>
/// <remarks>It runs only inside <see cref="TryRun"/>, so nothing here needs a lock.</remarks>
/// <param name="dialect">How the servers are spoken to.</param>
/// <param name="servers">Where they are.</param>
/// <param name="compressed">Whether they must agree to compress what they send.</param>
internal sealed class LoadClient(Dialect dialect, IReadOnlyList<IPEndPoint> servers, bool compressed) : ILoadClient
{
    private const uint ReadyFlow = uint.MaxValue;
    private const int ConnectsAtOnce = 128;
    private const int StuffingBytes = 32 << 20;

    private static readonly TimeSpan s_stuffingPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_keepAliveInterval = TimeSpan.FromSeconds(10);
    private static readonly double s_nanosecondsPerTick = 1e9 / Stopwatch.Frequency;

    private readonly Epoll _epoll = new();
    private readonly Inflater _inflater = new();
    private readonly byte[] _buffer = new byte[1 << 18];
    private readonly List<LoadConnection> _connections = [];
    private readonly byte[] _readyFrame = ClientFrame.Encode(dialect.Operation('E', null, $"#{ReadyFlow:x8}{0:x8}"));
    private readonly byte[] _greetingFrame = ClientFrame.Encode(dialect.Greeting ?? "");
    private readonly byte[] _keepAliveFrame = ClientFrame.Encode(dialect.KeepAlive ?? "");
    private readonly byte[] _pongFrame = ClientFrame.Encode(dialect.Pong ?? "");
    private IReadOnlyList<Flow> _flows = [];
    private LoadPace? _pace;
    private int _opening;
    private int _ready;
    private long _keepAliveAt = Stopwatch.GetTimestamp();

    public int ProcessId => Environment.ProcessId;

    public IReadOnlyList<LoadConnection> Connections => _connections;

    public DeliveryFaults Faults { get; } = new();

    public Histogram Latency { get; } = new();

    /// <summary>Deliveries since the client was made.</summary>
    public long Deliveries { get; private set; }

    /// <summary>Bytes received since the client was made.</summary>
    public long ReceivedBytes { get; private set; }

    /// <summary>Messages sent since the client was made.</summary>
    public long Sent { get; private set; }

    /// <summary>Connections that ended without our doing.</summary>
    public int Broken { get; private set; }

    /// <summary>When the first delivery came since this was set to 0, in ticks of <see cref="Stopwatch"/>.</summary>
    public long FirstDeliveryAt { get; set; }

    /// <summary>When the last delivery came, in ticks of <see cref="Stopwatch"/>.</summary>
    public long LastDeliveryAt { get; private set; }

    public bool IsIdle => _flows.All(static flow => flow.Outstanding == 0);

    public long Missing => _flows.Sum(static flow => flow.Missing);

    public void Connect(int count, Func<int, (int Node, string? User, IReadOnlyList<string> Groups)> describe)
    {
        var first = _connections.Count;
        var target = _ready + count;
        for (var i = first; i < first + count; i++)
        {
            if (_opening >= ConnectsAtOnce)
            {
                Run(() => _opening < ConnectsAtOnce, TimeSpan.FromSeconds(60), "connections were not accepted");
            }

            var (node, user, groups) = describe(i);
            var connection = new LoadConnection(i, node, user, groups);
            _connections.Add(connection);
            connection.Connect(servers[node]);
            _opening++;
            _epoll.Watch(connection.Descriptor, i);
            Send(connection, Encoding.ASCII.GetBytes(
                $"GET {dialect.Path(user, groups)} HTTP/1.1\r\nHost: {servers[node]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2htYXJrLWNsaWVudA==\r\n"
                + (compressed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n" : "\r\n")));
        }

        Run(() => _ready >= target, TimeSpan.FromSeconds(120), "connections did not get ready");
    }

    void ILoadClient.Start(IReadOnlyList<Flow> flows, LoadPace pace) => Start(flows, pace);

    /// <summary>Takes flows, whose ids must be their places in the list, and begins to send them at a pace; without one, only what it is told to send.</summary>
    public void Start(IReadOnlyList<Flow> flows, LoadPace? pace)
    {
        _flows = flows;
        _pace = pace;
        Faults.Clear();
        pace?.Start(flows, this);
    }

    public void Stop() => _pace = null;

    public void ClearLatency() => Latency.Clear();

    public LoadCounts Count() => new()
    {
        Deliveries = Deliveries,
        Sent = Sent,
        ReceivedBytes = ReceivedBytes,
        Outstanding = _flows.Sum(static flow => flow.Outstanding),
        Missing = Missing,
        Duplicates = Faults.Duplicates,
        Misdelivered = Faults.Misdelivered + Faults.Damaged,
        Reordered = Faults.Reordered,
        Broken = Broken,
        Skipped = (_pace as RatePace)?.Skipped ?? 0,
        P50 = Latency.Milliseconds(0.5) ?? double.NaN,
        P99 = Latency.Milliseconds(0.99) ?? double.NaN,
        P999 = Latency.Milliseconds(0.999) ?? double.NaN,
    };

    public void Pause(LoadConnection connection)
    {
        _epoll.Forget(connection.Descriptor);
        connection.State = ConnectionState.Paused;
        var echo = ClientFrame.Encode(dialect.Operation('E', null, new string('x', 1_024)));
        for (var sent = 0; sent < StuffingBytes && connection.Send(echo); sent += echo.Length)
        {
            // A server that reads no more from a client that does not read has got enough, too.
            if (connection.HasUnsent && (!TryRun(() => !connection.SendUnsent() || !connection.HasUnsent, s_stuffingPatience) || connection.HasUnsent))
            {
                break;
            }
        }
    }

    /// <summary>Sends the next message of a flow.</summary>
    public void Send(Flow flow, long now)
    {
        Sent++;
        var frame = flow.Next(now);
        foreach (var sender in flow.Senders)
        {
            Send(sender, frame);
        }
    }

    /// <summary>Sends and receives until a condition holds.</summary>
    /// <exception cref="TimeoutException">It does not hold in time.</exception>
    public void Run(Func<bool> done, TimeSpan guard, string what)
    {
        if (!TryRun(done, guard))
        {
            throw new TimeoutException(
                $"After {guard.TotalSeconds} s {what}: {_ready} of {_connections.Count} connections ready, {Broken} broken, {Missing} deliveries missing.");
        }
    }

    public void Run(TimeSpan time) => TryRun(static () => false, time);

    public bool TryRun(Func<bool> done, TimeSpan guard)
    {
        var end = Stopwatch.GetTimestamp() + (long)(guard.TotalSeconds * Stopwatch.Frequency);
        while (!done())
        {
            var now = Stopwatch.GetTimestamp();
            if (now >= end)
            {
                return false;
            }

            if (now >= _keepAliveAt)
            {
                KeepAlive(now);
            }

            var wait = TimeSpan.FromMilliseconds(20);
            if (_pace?.SendDue(this, now) is { } due && due < wait)
            {
                wait = due;
            }

            var events = _epoll.Wait(wait);
            for (var i = 0; i < events; i++)
            {
                var (index, canRead, canWrite) = _epoll.Event(i);
                var connection = _connections[index];
                if (connection.State == ConnectionState.Closed)
                {
                    continue;
                }

                if (canWrite)
                {
                    SendUnsent(connection);
                }

                if (canRead && connection.State != ConnectionState.Closed)
                {
                    Receive(connection);
                }
            }
        }

        return true;
    }

    /// <summary>Closes connections without a handshake, the newest first.</summary>
    public void Disconnect(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var connection = _connections[^1];
            if (connection.State != ConnectionState.Closed)
            {
                _ready--;
            }

            connection.Dispose();
            _connections.RemoveAt(_connections.Count - 1);
        }
    }

    public void Dispose()
    {
        foreach (var connection in _connections)
        {
            connection.Dispose();
        }

        _epoll.Dispose();
    }

    private void KeepAlive(long now)
    {
        _keepAliveAt = now + (long)(s_keepAliveInterval.TotalSeconds * Stopwatch.Frequency);
        if (dialect.KeepAlive is null)
        {
            return;
        }

        foreach (var connection in _connections)
        {
            if (connection.State == ConnectionState.Ready)
            {
                Send(connection, _keepAliveFrame);
            }
        }
    }

    private void Send(LoadConnection connection, ReadOnlySpan<byte> bytes)
    {
        if (connection.State == ConnectionState.Closed)
        {
            return;
        }

        var waited = connection.HasUnsent;
        if (!connection.Send(bytes))
        {
            Break(connection);
        }
        else if (connection.HasUnsent && !waited)
        {
            _epoll.Change(connection.Descriptor, connection.Index, writable: true);
        }
    }

    private void SendUnsent(LoadConnection connection)
    {
        if (!connection.SendUnsent())
        {
            Break(connection);
        }
        else if (!connection.HasUnsent)
        {
            _epoll.Change(connection.Descriptor, connection.Index, writable: false);
        }
    }

    private void Receive(LoadConnection connection)
    {
        var kept = connection.TakeRest(_buffer);
        var read = (int)Libc.Receive(connection.Descriptor, _buffer.AsSpan(kept));
        if (read <= 0)
        {
            if (read == 0 || Marshal.GetLastPInvokeError() != Libc.Again)
            {
                Break(connection);
            }

            connection.KeepRest(_buffer.AsSpan(0, kept));
            return;
        }

        ReceivedBytes += read;
        var now = Stopwatch.GetTimestamp();
        ReadOnlySpan<byte> data = _buffer.AsSpan(0, kept + read);
        if (connection.State == ConnectionState.Opening && !TryReadHandshake(connection, ref data))
        {
            connection.KeepRest(data);
            return;
        }

        while (ServerFrame.TryRead(data, out var frame, out var consumed))
        {
            Take(connection, frame, now);
            data = data[consumed..];
        }

        connection.KeepRest(data);
    }

    private bool TryReadHandshake(LoadConnection connection, ref ReadOnlySpan<byte> data)
    {
        var end = data.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        if (!data.StartsWith("HTTP/1.1 101"u8))
        {
            throw new InvalidDataException($"The server refused the handshake: {Encoding.ASCII.GetString(data[..end])}");
        }

        if (compressed && data[..end].IndexOf("permessage-deflate; server_no_context_takeover"u8) < 0)
        {
            throw new InvalidDataException($"The server did not agree to compress without context: {Encoding.ASCII.GetString(data[..end])}");
        }

        data = data[(end + 4)..];
        connection.State = ConnectionState.Open;
        if (dialect.GreetsFirst)
        {
            Send(connection, _greetingFrame);
        }
        else if (dialect.Greeting is null)
        {
            Send(connection, _readyFrame);
        }

        return true;
    }

    private void Take(LoadConnection connection, in ServerFrame frame, long now)
    {
        switch (frame.Opcode)
        {
            case ClientFrame.Ping:
                Send(connection, ClientFrame.Encode(ClientFrame.Pong, frame.Payload));
                break;
            case ClientFrame.Pong:
                break;
            case ClientFrame.Close:
                Break(connection);
                break;
            case var _ when frame.IsCompressed && !(compressed && frame.IsFinal && !connection.IsJoining):
                throw new InvalidDataException("The server sent a compressed frame that was not asked for, or is no whole message.");
            case var _ when frame.IsFinal && !connection.IsJoining:
                TakeMessage(connection, frame.IsCompressed ? _inflater.Inflate(frame.Payload) : frame.Payload, now);
                break;
            default:
                if (connection.Join(frame) is { } message)
                {
                    TakeMessage(connection, message, now);
                }

                break;
        }
    }

    private void TakeMessage(LoadConnection connection, ReadOnlySpan<byte> message, long now)
    {
        while (!message.IsEmpty)
        {
            if (dialect.TryReadPayload(message, out var payload, out var consumed))
            {
                TakePayload(connection, payload, now);
            }
            else
            {
                Answer(connection, dialect.Control(message, out consumed), message);
            }

            message = consumed > 0 ? message[consumed..] : throw new InvalidDataException($"The server sent {Encoding.UTF8.GetString(message)}.");
        }
    }

    private void TakePayload(LoadConnection connection, ReadOnlySpan<byte> payload, long now)
    {
        if (!Flow.TryRead(payload, out var id, out var number))
        {
            Faults.Damaged++;
        }
        else if (id == ReadyFlow)
        {
            connection.State = ConnectionState.Ready;
            _opening--;
            _ready++;
        }
        else if (id >= _flows.Count)
        {
            Faults.Misdelivered++;
        }
        else
        {
            var flow = _flows[(int)id];
            var took = flow.Deliver(connection, number, payload, now, Faults, out var complete);
            if (took >= 0)
            {
                Deliveries++;
                FirstDeliveryAt = FirstDeliveryAt == 0 ? now : FirstDeliveryAt;
                LastDeliveryAt = now;
                Latency.Add((long)(took * s_nanosecondsPerTick));
            }

            if (complete)
            {
                _pace?.OnComplete(flow, this, now);
            }
        }
    }

    private void Answer(LoadConnection connection, Answer answer, ReadOnlySpan<byte> message)
    {
        switch (answer)
        {
            case Load.Answer.Greeting:
                Send(connection, _greetingFrame);
                break;
            case Load.Answer.Pong:
                Send(connection, _pongFrame);
                break;
            case Load.Answer.Open:
                Send(connection, _readyFrame);
                break;
            case Load.Answer.Failure:
                throw new InvalidDataException($"The server answered: {Encoding.UTF8.GetString(message)}");
        }
    }

    private void Break(LoadConnection connection)
    {
        if (connection.State == ConnectionState.Ready)
        {
            _ready--;
        }

        _epoll.Forget(connection.Descriptor);
        connection.State = ConnectionState.Closed;
        Broken++;
    }
}

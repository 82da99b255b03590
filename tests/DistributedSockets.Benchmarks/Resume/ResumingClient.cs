using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistributedSockets.Benchmarks.Resume;

/// <summary>A client of <c>resume.v1.distributedsockets</c> on a bare socket, which goes on with its session at another node when its connection breaks, and counts what it gets.</summary>
/// <param name="user">Its user.</param>
/// <param name="groups">Its groups.</param>
/// <param name="seed">Decides how long it waits before it connects again.</param>
internal sealed class ResumingClient(string user, string groups, int seed) : IDisposable
{
    private const string Protocol = "resume.v1.distributedsockets";
    private const string Ready = "ready";
    private const int MaxLine = 128;

    private readonly Lock _sending = new();
    private readonly Random _random = new(seed);
    private readonly long[] _last = new long[2]; // numbers of the sender, by kind of group
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _buffer = new byte[4 * 1024];
    private Socket? _socket;
    private string _id = "";
    private string _token = "";
    private long _number;
    private long _acknowledged;
    private int _length;
    private long _backAt;

    /// <summary>Completes when it is in its groups.</summary>
    public Task IsReady => _ready.Task;

    /// <summary>When it last got its session back: a timestamp; 0 if it has not.</summary>
    public long BackAt => Volatile.Read(ref _backAt);

    /// <summary>How often it was told to wait.</summary>
    public int ToldToWait { get; private set; }

    /// <summary>How often it could not connect, or its connection broke before it had a session.</summary>
    public int Failed { get; private set; }

    /// <summary>Messages that came again under their number, which it drops.</summary>
    public int Repeats { get; private set; }

    /// <summary>Messages that never came, by the numbers of the sender.</summary>
    public long Missing { get; private set; }

    /// <summary>Messages that came twice under different numbers, or in the wrong order.</summary>
    public int Wrong { get; private set; }

    /// <summary>How often it was told of a gap, or was given another session.</summary>
    public int Lost { get; private set; }

    /// <summary>The last message of a kind of group that it has.</summary>
    public long Last(int kind) => Volatile.Read(ref _last[kind]);

    /// <summary>Connects to the first node, and to the other whenever that connection ends.</summary>
    public async Task RunAsync(IPEndPoint first, IPEndPoint other, CancellationToken ended)
    {
        var server = first;
        while (!ended.IsCancellationRequested)
        {
            var pause = TimeSpan.Zero;
            try
            {
                pause = await ServeAsync(server, ended);
            }
            catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
            {
                // Cut, refused, or the end.
            }

            if (_id.Length > 0)
            {
                server = other;
            }

            await Task.Delay(pause + TimeSpan.FromSeconds(_random.NextDouble()), ended).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>Acknowledges what it has, if there is something.</summary>
    public void Acknowledge()
    {
        var number = Volatile.Read(ref _number);
        if (number > _acknowledged && _socket is { } socket)
        {
            _acknowledged = number;
            Send(socket, string.Create(CultureInfo.InvariantCulture, $"a {number}\n"));
        }
    }

    public void Dispose() => _socket?.Dispose();

    /// <returns>How long it has been told to wait; zero if the connection has ended in another way.</returns>
    private async Task<TimeSpan> ServeAsync(IPEndPoint server, CancellationToken ended)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var isBack = false;
        try
        {
            await socket.ConnectAsync(server, ended);
            await socket.SendAsync(Encoding.ASCII.GetBytes(Request()), ended);
            _length = 0;
            if (await AnswerAsync(socket, ended) is { } pause)
            {
                ToldToWait++;
                return pause;
            }

            while (true)
            {
                if (!isBack && _length > 0 && TryTakeFrame(socket, isFirst: true))
                {
                    isBack = true;
                    _socket = socket;
                    if (!IsReady.IsCompleted)
                    {
                        Send(socket, $"u\nE{Ready}");
                    }
                }

                while (isBack && TryTakeFrame(socket, isFirst: false))
                {
                }

                if (await socket.ReceiveAsync(_buffer.AsMemory(_length), ended) is not (> 0 and var read))
                {
                    return TimeSpan.Zero;
                }

                _length += read;
            }
        }
        finally
        {
            _socket = null;
            if (!isBack)
            {
                Failed++;
            }
        }
    }

    private string Request()
    {
        var protocols = _id.Length == 0 ? Protocol : string.Create(CultureInfo.InvariantCulture, $"{Protocol}, resume.{_id}.{_token}.{_number}");
        var query = _id.Length == 0 ? $"u={user}&g={groups}" : $"u={user}";
        return $"GET /ws?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: YmVuY2htYXJrLWNsaWVudA==\r\nSec-WebSocket-Protocol: {protocols}\r\n\r\n";
    }

    /// <summary>Reads the answer to the handshake. What comes behind it stays in the buffer.</summary>
    /// <returns>How long to wait, if it was refused for the moment.</returns>
    private async Task<TimeSpan?> AnswerAsync(Socket socket, CancellationToken ended)
    {
        while (true)
        {
            var read = await socket.ReceiveAsync(_buffer.AsMemory(_length), ended);
            if (read == 0)
            {
                throw new IOException("The connection ended in the handshake.");
            }

            _length += read;
            var end = _buffer.AsSpan(0, _length).IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                continue;
            }

            var answer = Encoding.ASCII.GetString(_buffer, 0, end);
            Drop(end + 4);
            if (answer.StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
            {
                return null;
            }

            const string retryAfter = "\r\nRetry-After: ";
            var at = answer.IndexOf(retryAfter, StringComparison.OrdinalIgnoreCase);
            return answer.StartsWith("HTTP/1.1 503", StringComparison.Ordinal)
                ? TimeSpan.FromSeconds(at < 0 ? 1 : int.Parse(answer.AsSpan(at + retryAfter.Length).ToString().Split("\r\n")[0], CultureInfo.InvariantCulture))
                : throw new InvalidDataException($"The server answered: {answer}");
        }
    }

    /// <summary>Takes one frame out of the buffer; false if it is not there as a whole.</summary>
    private bool TryTakeFrame(Socket socket, bool isFirst)
    {
        var bytes = _buffer.AsSpan(0, _length);
        if (bytes.Length < 2)
        {
            return false;
        }

        var (head, length) = (2, (int)bytes[1]);
        if (length == 126 && bytes.Length >= 4)
        {
            (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        }

        if (bytes.Length < head + length)
        {
            return length <= _buffer.Length - head ? false : throw new InvalidDataException($"A message of {length} bytes.");
        }

        var payload = bytes.Slice(head, length);
        switch (bytes[0] & 0x0F)
        {
            case 0x8:
                throw new IOException("The server closes the connection.");
            case 0x9:
                Send(socket, 0x8A, payload);
                break;
            case 0x1 when isFirst:
                Begin(Encoding.ASCII.GetString(payload));
                break;
            case 0x1:
                Take(payload);
                break;
        }

        Drop(head + length);
        return true;
    }

    private void Begin(string line)
    {
        var words = line.TrimEnd('\n').Split(' '); // s ID TOKEN NUMBER
        if (_id.Length > 0 && words[1] != _id)
        {
            Lost++;
            (_number, _acknowledged) = (0, 0);
        }

        if (_id.Length > 0)
        {
            Volatile.Write(ref _backAt, Stopwatch.GetTimestamp());
        }

        (_id, _token) = (words[1], words[2]);
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        var end = message.IndexOf((byte)'\n');
        var line = message[..end];
        var body = message[(end + 1)..];
        switch (line[0])
        {
            case (byte)'g':
                Lost++;
                break;
            case (byte)'u' when body.SequenceEqual("ready"u8):
                _ready.TrySetResult();
                break;
            case (byte)'m':
                var number = long.Parse(line[2..], CultureInfo.InvariantCulture);
                if (number <= _number)
                {
                    Repeats++;
                    break;
                }

                Volatile.Write(ref _number, number);
                Note(body[0] - '0', long.Parse(body[2..], CultureInfo.InvariantCulture)); // KIND NUMBER
                break;
        }
    }

    private void Note(int kind, long number)
    {
        var last = _last[kind];
        if (number <= last)
        {
            Wrong++;
            return;
        }

        Missing += number - last - 1;
        Volatile.Write(ref _last[kind], number);
    }

    private void Drop(int bytes)
    {
        _buffer.AsSpan(bytes, _length - bytes).CopyTo(_buffer);
        _length -= bytes;
    }

    private void Send(Socket socket, string text) => Send(socket, 0x81, Encoding.ASCII.GetBytes(text));

    private void Send(Socket socket, byte head, ReadOnlySpan<byte> payload)
    {
        Span<byte> frame = stackalloc byte[6 + MaxLine];
        frame[0] = head;
        frame[1] = (byte)(0x80 | payload.Length);
        frame[2..6].Clear(); // a mask of zeros changes nothing
        payload.CopyTo(frame[6..]);
        try
        {
            lock (_sending)
            {
                socket.Send(frame[..(6 + payload.Length)]);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The receiving side finds it out.
        }
    }
}

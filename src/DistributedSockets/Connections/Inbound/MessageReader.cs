using System.Buffers;
using System.Net.WebSockets;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Reads the messages of one client, one after the other, and keeps to the limits on their size, time and rate.</summary>
/// <param name="socket">The platform's WebSocket.</param>
/// <param name="isTapped">Whether the socket reads from a transport, and so can wait without a buffer.</param>
/// <param name="services">What all connections share.</param>
/// <param name="owner">Is told what was read.</param>
internal sealed class MessageReader(WebSocket socket, bool isTapped, ConnectionServices services, IMessageReaderOwner owner)
{
    private const int FirstBufferBytes = 4_096;

    private Pace _messages = new(services.Options.MaxMessagesPerSecond);
    private Pace _receivedBytes = new(services.Options.MaxReceivedBytesPerSecond);
    private byte[]? _buffer;
    private int _length;
    private int _emptyFragments;
    private bool _violated;
    private long _waitingSince;
    private long _messageSince;

    /// <summary>Since when it waits for the client, as a timestamp; zero while it waits for the handler.</summary>
    internal long WaitingSince => Volatile.Read(ref _waitingSince);

    /// <summary>Since when the client has sent nothing, as a timestamp; zero while a message comes or is handled.</summary>
    internal long IdleSince => Volatile.Read(ref _messageSince) == 0 && !owner.IsHandling ? WaitingSince : 0;

    /// <summary>Whether the client takes longer over a message than it may.</summary>
    internal bool IsMessageLate(long now)
    {
        var since = Volatile.Read(ref _messageSince);
        return since != 0 && services.Time.GetElapsedTime(since, now) > services.Options.MessageTimeout;
    }

    /// <summary>Reads until the client's close frame has come, or throws what the transport throws.</summary>
    /// <param name="connected">What to wait for before the first message is read.</param>
    /// <param name="aborted">Cancelled when the connection ends.</param>
    internal async Task RunAsync(ValueTask connected, CancellationToken aborted)
    {
        try
        {
            var next = WaitForNextAsync();
            TellIfPaused(connected);
            await connected;
            connected = default; // the call's state is not held for as long as the connection
            while (true)
            {
                Volatile.Write(ref _waitingSince, services.Time.GetTimestamp());
                var result = await next;
                while (result is { EndOfMessage: false, MessageType: not WebSocketMessageType.Close })
                {
                    var receive = socket.ReceiveAsync(Room(), CancellationToken.None);
                    if (!receive.IsCompleted && _messageSince == 0 && (isTapped || _length > 0))
                    {
                        Volatile.Write(ref _messageSince, services.Time.GetTimestamp()); // it has begun, and more has to come
                    }

                    result = await receive;
                    Count(result);
                }

                Volatile.Write(ref _waitingSince, 0);
                Volatile.Write(ref _messageSince, 0);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    await owner.OnCloseReceivedAsync();
                    return;
                }

                if (result is { MessageType: WebSocketMessageType.Text, Count: 0 } && !Utf8.IsValid(_buffer.AsSpan(0, _length)))
                {
                    // The platform checks what each fragment brings, and an empty last one brings nothing.
                    ReportViolation(DisconnectKind.ProtocolError, WebSocketCloseStatus.InvalidPayloadData, "A text message must be valid UTF-8.");
                }

                await PaceAsync(aborted);
                var taken = owner.OnMessageAsync(TakeMessage(result.MessageType));
                next = WaitForNextAsync();
                TellIfPaused(taken);
                await taken;
            }
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Waits for a message to begin, without holding a buffer. Meanwhile the platform answers pings, also those that come while a handler is busy.</summary>
    private ValueTask<ValueWebSocketReceiveResult> WaitForNextAsync() => isTapped ? socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None) : default;

    private void TellIfPaused(ValueTask until)
    {
        if (!until.IsCompleted)
        {
            owner.OnPaused();
        }
    }

    /// <summary>Where the next bytes of the message go: one more than it may have, as the platform fills up what it is given before it says what it got.</summary>
    private Memory<byte> Room()
    {
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
        }
        else if (_length == _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(_length * 2);
            _buffer.CopyTo(larger, 0);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        return _buffer.AsMemory(_length, Math.Min(_buffer.Length - _length, services.Options.MaxMessageBytes + 1 - _length));
    }

    private void Count(ValueWebSocketReceiveResult result)
    {
        _length += result.Count;
        _emptyFragments += result is { Count: 0, EndOfMessage: false } ? 1 : 0; // each costs as much as a byte
        if (_length + _emptyFragments > services.Options.MaxMessageBytes)
        {
            ReportViolation(DisconnectKind.MessageTooBig, WebSocketCloseStatus.MessageTooBig, $"A message may have {services.Options.MaxMessageBytes} bytes.");
            _length = _emptyFragments = 0;
        }
    }

    /// <summary>Waits until a message of a client that sends too much may be taken, if it is not closed for it; meanwhile nothing more is read, and TCP holds it up.</summary>
    private ValueTask PaceAsync(CancellationToken aborted)
    {
        if (_violated)
        {
            return ValueTask.CompletedTask;
        }

        var now = services.Time.GetTimestamp();
        var byCount = _messages.Take(1, services.Time, now);
        var byBytes = _receivedBytes.Take(_length, services.Time, now);
        var wait = byCount > byBytes ? byCount : byBytes;
        if (wait <= TimeSpan.Zero)
        {
            return ValueTask.CompletedTask;
        }

        var options = services.Options;
        if (options.ReceiveRatePolicy == ReceiveRatePolicy.Pause)
        {
            owner.OnPaused();
            return new(Task.Delay(wait, services.Time, aborted));
        }

        ReportViolation(
            DisconnectKind.RateExceeded,
            WebSocketCloseStatus.PolicyViolation,
            $"A client may send {options.MaxMessagesPerSecond} messages and {options.MaxReceivedBytesPerSecond} bytes per second.");
        return ValueTask.CompletedTask;
    }

    private void ReportViolation(DisconnectKind kind, WebSocketCloseStatus status, string description)
    {
        if (!_violated)
        {
            _violated = true;
            owner.OnViolation(new() { Kind = kind, CloseStatus = status, Description = description });
        }
    }

    /// <summary>Hands over what has been read, and the array it is in.</summary>
    private ReceivedMessage TakeMessage(WebSocketMessageType type)
    {
        var message = new ReceivedMessage(_buffer, _length, type, services.Json);
        _buffer = null;
        _length = _emptyFragments = 0;
        return message;
    }

    private void Clear()
    {
        _length = _emptyFragments = 0;
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}

using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets.Testing;

/// <summary>A WebSocket client of a <see cref="FakeCluster"/>: real frames over a connection in memory.</summary>
/// <remarks>
/// Like a browser it reads on its own, answers pings and close frames, and keeps messages until they are asked for. Waiting for one has a guard
/// of 60 seconds of real time.
/// </remarks>
public sealed class FakeClient : IAsyncDisposable, IDisposable
{
    private readonly FakeTransport _transport;
    private readonly WebSocket _socket;
    private readonly Pulse _pulse;
    private readonly Channel<WebSocketMessage> _received = Channel.CreateUnbounded<WebSocketMessage>();
    private readonly TaskCompletionSource<FakeClose> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _sending = new(1);
    private readonly Task _reading;

    internal FakeClient(FakeNode node, FakeTransport transport, IHeaderDictionary responseHeaders, Pulse pulse, ClusterCode code)
    {
        Node = node;
        ResponseHeaders = responseHeaders;
        LongestSilence = node.LongestSilence(null);
        _transport = transport;
        _pulse = pulse;
        SubProtocol = responseHeaders.SecWebSocketProtocol.Count > 0 ? responseHeaders.SecWebSocketProtocol.ToString() : null;
        var stream = new WireStream(transport.ToClient, transport.ToServer, transport.EndClient);
        _socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { SubProtocol = SubProtocol, KeepAliveInterval = TimeSpan.Zero });
        _reading = code.RunAsync(ReadAsync);
    }

    /// <summary>The node that it connected to.</summary>
    public FakeNode Node { get; }

    /// <summary>The headers of the answer to the handshake.</summary>
    public IHeaderDictionary ResponseHeaders { get; }

    /// <summary>The subprotocol that the server chose, if any.</summary>
    public string? SubProtocol { get; }

    /// <summary>The id of its connection.</summary>
    /// <exception cref="InvalidOperationException">The session store could not be written, so the test host did not learn it.</exception>
    public string ConnectionId
    {
        get => field ?? throw new InvalidOperationException("The session of this connection was not written to the session store, so its id is not known here.");
        internal set;
    }

    /// <summary>Whether nothing has ended the connection yet, as far as the client knows.</summary>
    public bool IsOpen => !_closed.Task.IsCompleted;

    /// <summary>Whether <see cref="PauseReading"/> is in force.</summary>
    public bool IsReadingPaused => _transport.ToClient.IsHeld;

    /// <summary>Whether everything sent has been read on both sides, and both wait for more.</summary>
    internal bool IsIdle => _transport.ToClient.IsQuiet && _transport.ToServer.IsQuiet;

    /// <summary>Whether the node must have sent it a ping by now, and has not got the answer.</summary>
    internal bool OwesPong => Node.Clock.GetUtcNow() - _transport.ToServer.WaitsSince > LongestSilence;

    /// <summary>How long it can be silent before the node has sent it a ping; that of all hubs while its own is not known.</summary>
    internal TimeSpan LongestSilence { get; set; }

    /// <summary>Whether one of the sides is done with the connection.</summary>
    internal bool HasEnded => !IsOpen || IsServerDone;

    /// <summary>Whether the server is done with it: its handler has been told.</summary>
    internal bool IsServerDone => _transport.HasEnded;

    /// <summary>Whether the server has cut the connection and is not done with it.</summary>
    internal bool IsEnding => _transport is { IsCut: true, HasEnded: false };

    /// <summary>Sends a text message.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">Ends the wait for room.</param>
    /// <exception cref="WebSocketException">The connection has ended.</exception>
    public Task SendAsync(string text, CancellationToken cancellationToken = default) =>
        SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, cancellationToken);

    /// <summary>Sends a binary message.</summary>
    /// <param name="data">The payload.</param>
    /// <param name="cancellationToken">Ends the wait for room.</param>
    /// <exception cref="WebSocketException">The connection has ended.</exception>
    public Task SendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        SendAsync(data, WebSocketMessageType.Binary, cancellationToken);

    /// <summary>Sends a value as JSON in a text message.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="options">How to write it; <see langword="null"/> for the web's defaults.</param>
    /// <param name="cancellationToken">Ends the wait for room.</param>
    /// <exception cref="WebSocketException">The connection has ended.</exception>
    public Task SendJsonAsync<T>(T value, JsonSerializerOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(JsonSerializer.SerializeToUtf8Bytes(value, options ?? JsonSerializerOptions.Web), WebSocketMessageType.Text, cancellationToken);

    /// <summary>The next message. Its memory stays valid.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="WebSocketException">The connection has ended, and every message has been taken.</exception>
    /// <exception cref="TimeoutException">No message came within the guard.</exception>
    public async Task<WebSocketMessage> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _received.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(Eventually.Guard, cancellationToken);
        }
        catch (ChannelClosedException)
        {
            var close = await _closed.Task;
            throw new WebSocketException(
                WebSocketError.ConnectionClosedPrematurely,
                close.Status is { } status ? $"The server closed with {(int)status} '{close.Reason}'." : "The connection ended without a close frame.");
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"No message came within {Eventually.Guard}.");
        }
    }

    /// <summary>The next message, as text.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidOperationException">The message is binary.</exception>
    /// <inheritdoc cref="ReceiveAsync" path="/exception"/>
    public async Task<string> ReceiveTextAsync(CancellationToken cancellationToken = default)
    {
        var message = await ReceiveAsync(cancellationToken);
        return message.IsText ? message.GetText() : throw new InvalidOperationException($"Expected text, and got a {message}.");
    }

    /// <summary>The next message, as a value in JSON.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="options">How to read it; <see langword="null"/> for the web's defaults.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="JsonException">The message is no such value.</exception>
    /// <inheritdoc cref="ReceiveAsync" path="/exception"/>
    public async Task<T?> ReceiveJsonAsync<T>(JsonSerializerOptions? options = null, CancellationToken cancellationToken = default)
    {
        var message = await ReceiveAsync(cancellationToken);
        return JsonSerializer.Deserialize<T>(message.Data.Span, options ?? JsonSerializerOptions.Web);
    }

    /// <summary>Waits until the connection has ended, and tells how. Messages that came before can still be taken.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It did not end within the guard.</exception>
    public async Task<FakeClose> WaitForCloseAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _closed.Task.WaitAsync(Eventually.Guard, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The connection did not end within {Eventually.Guard}.");
        }
    }

    /// <summary>Waits until the server is done with the connection: its handler has been told of the end, and the session is away if it can be resumed.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It was not, within the guard.</exception>
    public Task WaitForServerAsync(CancellationToken cancellationToken = default) =>
        _pulse.WaitUntilAsync(() => IsServerDone, static () => "the server is done with the connection", cancellationToken);

    /// <summary>Closes the connection and waits for the server's answer.</summary>
    /// <param name="status">The code.</param>
    /// <param name="reason">The reason.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What the server answered.</returns>
    public async Task<FakeClose> CloseAsync(
        WebSocketCloseStatus status = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default)
    {
        if (IsOpen)
        {
            await _sending.WaitAsync(cancellationToken);
            try
            {
                await _socket.CloseOutputAsync(status, reason, cancellationToken);
            }
            finally
            {
                _sending.Release();
            }
        }

        return await WaitForCloseAsync(cancellationToken);
    }

    /// <summary>Cuts the connection without a close frame, like a client whose network is gone and whose system says so.</summary>
    public void Abort() => _transport.AbortClient();

    /// <summary>Stops reading, like a client that hangs: what the server sends fills the window, then the server's queue. Pings are not answered.</summary>
    public void PauseReading() => _transport.ToClient.Hold(true);

    /// <summary>Reads again.</summary>
    public void ResumeReading() => _transport.ToClient.Hold(false);

    /// <summary>Cuts the connection if it is still open.</summary>
    public async ValueTask DisposeAsync()
    {
        if (IsOpen)
        {
            Abort();
        }

        ResumeReading();
        await _reading;
        _socket.Dispose();
    }

    /// <summary>Cuts the connection if it is still open, and waits for its end.</summary>
    /// <exception cref="TimeoutException">It did not end within the guard.</exception>
    public void Dispose() => Task.Run(() => DisposeAsync().AsTask()).WaitAsync(Eventually.Guard).GetAwaiter().GetResult();

    /// <summary>Waits until the client has seen the end.</summary>
    internal Task WaitForEndAsync() => IsReadingPaused ? Task.CompletedTask : _reading;

    internal void Crash() => _transport.Crash();

    private async Task SendAsync(ReadOnlyMemory<byte> data, WebSocketMessageType type, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken);
        try
        {
            await _socket.SendAsync(data, type, true, cancellationToken).AsTask().WaitAsync(Eventually.Guard, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The server did not read for {Eventually.Guard}. Does its handler return?");
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, "The connection has ended.", exception);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[16_384];
        var message = new MemoryStream();
        var close = new FakeClose();
        try
        {
            while (true)
            {
                var result = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    close = new() { Status = _socket.CloseStatus, Reason = _socket.CloseStatusDescription };
                    await AnswerCloseAsync();
                    return;
                }

                message.Write(buffer, 0, result.Count);
                if (result.EndOfMessage)
                {
                    _received.Writer.TryWrite(new(message.ToArray(), result.MessageType));
                    message.SetLength(0);
                }
            }
        }
        catch (Exception exception) when (exception is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The connection is gone; what the server had said before stands.
        }
        finally
        {
            _received.Writer.TryComplete();
            _closed.TrySetResult(close);
            _socket.Dispose();
            _pulse.Fire();
        }
    }

    private async Task AnswerCloseAsync()
    {
        await _sending.WaitAsync();
        try
        {
            if (_socket.State == WebSocketState.CloseReceived)
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            }
        }
        finally
        {
            _sending.Release();
        }
    }
}

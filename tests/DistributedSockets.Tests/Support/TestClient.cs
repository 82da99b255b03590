using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>A client of .NET's own, which checks our frames as any other would.</summary>
internal sealed class TestClient(ClientWebSocket socket) : IAsyncDisposable
{
    private readonly byte[] _buffer = new byte[1 << 21];

    internal ClientWebSocket Socket => socket;

    /// <summary>The connection id, as the probe handler told it.</summary>
    internal string Id { get; private set; } = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal static async Task<TestClient> ConnectAsync(Uri address, string pathAndQuery, Action<ClientWebSocketOptions>? options = null, bool readId = true)
    {
        var socket = new ClientWebSocket();
        options?.Invoke(socket.Options);
        var invoker = socket.Options.HttpVersion.Major > 1 ? new HttpMessageInvoker(new SocketsHttpHandler()) : null;
        await socket.ConnectAsync(new(new UriBuilder(address) { Scheme = "ws" }.Uri, pathAndQuery), invoker, Cancellation).WithinGuardAsync();
        var client = new TestClient(socket);
        if (readId)
        {
            client.Id = await client.ReceiveTextAsync();
        }

        return client;
    }

    internal Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text);

    internal Task SendAsync(byte[] data, WebSocketMessageType type, bool endOfMessage = true) =>
        socket.SendAsync(data, type, endOfMessage, Cancellation).WithinGuardAsync();

    internal async Task<(WebSocketMessageType Type, byte[] Data)> ReceiveAsync()
    {
        var length = 0;
        while (true)
        {
            var result = await socket.ReceiveAsync(_buffer.AsMemory(length), Cancellation).WithinGuardAsync();
            length += result.Count;
            if (result.EndOfMessage)
            {
                return (result.MessageType, _buffer[..length]);
            }
        }
    }

    internal async Task<string> ReceiveTextAsync()
    {
        var (type, data) = await ReceiveAsync();
        Assert.True(type == WebSocketMessageType.Text, $"Expected text, got {type} {socket.CloseStatus} {socket.CloseStatusDescription}.");
        return Encoding.UTF8.GetString(data);
    }

    /// <summary>Reads on until the close frame; answers it.</summary>
    internal async Task<(WebSocketCloseStatus? Status, string? Reason)> ReceiveCloseAsync()
    {
        while ((await ReceiveAsync()).Type != WebSocketMessageType.Close)
        {
        }

        if (socket.State == WebSocketState.CloseReceived)
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation).WithinGuardAsync();
        }

        return (socket.CloseStatus, socket.CloseStatusDescription);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (socket.State == WebSocketState.Open)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).WithinGuardAsync();
            }
        }
        catch (WebSocketException)
        {
            // The test took the server away first.
        }

        socket.Dispose();
    }
}

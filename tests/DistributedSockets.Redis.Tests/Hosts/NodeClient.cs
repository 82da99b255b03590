using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>A client of .NET's own.</summary>
internal sealed class NodeClient(ClientWebSocket socket) : IAsyncDisposable
{
    private readonly byte[] _buffer = new byte[1 << 16];

    internal string Id { get; set; } = "";

    internal ClientWebSocket Socket => socket;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal static async Task<NodeClient> ConnectAsync(Uri address, Action<ClientWebSocketOptions>? options)
    {
        var socket = new ClientWebSocket();
        options?.Invoke(socket.Options);
        await socket.ConnectAsync(new UriBuilder(address) { Scheme = "ws" }.Uri, Cancellation).WithinGuardAsync();
        return new(socket);
    }

    internal Task SendAsync(string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Cancellation).WithinGuardAsync();

    /// <summary>Reads the next message, or "" if the connection is being closed.</summary>
    internal async Task<string> ReceiveAsync()
    {
        var length = 0;
        while (true)
        {
            var result = await socket.ReceiveAsync(_buffer.AsMemory(length), Cancellation).WithinGuardAsync();
            length += result.Count;
            if (result.EndOfMessage)
            {
                return Encoding.UTF8.GetString(_buffer, 0, length);
            }
        }
    }

    /// <summary>Reads messages up to and with this one.</summary>
    internal async Task<List<string>> ReceiveUntilAsync(string last)
    {
        var texts = new List<string>();
        do
        {
            texts.Add(await ReceiveAsync());
        }
        while (texts[^1] != last);

        return texts;
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

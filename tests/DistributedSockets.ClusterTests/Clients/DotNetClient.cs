using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace DistributedSockets.ClusterTests;

/// <summary>.NET's own client.</summary>
internal sealed class DotNetClient : TestClient
{
    private readonly ClientWebSocket _socket = new();
    private readonly HttpMessageInvoker? _ownHttp;
    private readonly HttpMessageInvoker _http;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private Task _receiving = Task.CompletedTask;

    private DotNetClient(HttpMessageInvoker? http) => _http = http ?? (_ownHttp = new(new SocketsHttpHandler()));

    public static Task<DotNetClient> ConnectAsync(Uri endpoint, bool http2 = false) =>
        ConnectAsync(endpoint, http2 ? UseHttp2 : static _ => { });

    /// <summary>Makes a handshake, and waits until the node has made the joins.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="configure">Sets options.</param>
    /// <param name="http">What opens connections; without it this client gets one of its own.</param>
    public static async Task<DotNetClient> ConnectAsync(
        Uri endpoint, Action<ClientWebSocketOptions> configure, HttpMessageInvoker? http = null)
    {
        var client = new DotNetClient(http);
        configure(client._socket.Options);
        await client._socket.ConnectAsync(endpoint, client._http, TestContext.Current.CancellationToken).Guarded("a handshake");
        client._receiving = client.ReceiveAsync();
        await client.IdentifyAsync();
        return client;
    }

    public static void UseHttp2(ClientWebSocketOptions options)
    {
        options.HttpVersion = HttpVersion.Version20;
        options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
    }

    public override Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text);

    public async Task SendAsync(ReadOnlyMemory<byte> data, WebSocketMessageType type, bool endOfMessage = true)
    {
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(data, type, endOfMessage, CancellationToken.None).AsTask().Guarded("a send of a client");
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Begins the close handshake; the answer is the close event.</summary>
    public Task CloseAsync(WebSocketCloseStatus status, string? reason) =>
        _socket.CloseOutputAsync(status, reason, CancellationToken.None).Guarded("a close of a client");

    /// <summary>Goes away without a word.</summary>
    public void Abort() => _socket.Abort();

    public override async ValueTask DisposeAsync()
    {
        if (_socket.State is WebSocketState.Open)
        {
            try
            {
                await CloseAsync(WebSocketCloseStatus.NormalClosure, null);
            }
            catch (WebSocketException)
            {
                // The other side was faster.
            }
        }

        await _receiving.Guarded("the end of a client");
        _socket.Dispose();
        _ownHttp?.Dispose();
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[16 * 1024];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var result = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                message.Write(buffer, 0, result.Count);
                if (result.EndOfMessage)
                {
                    var data = message.ToArray();
                    message.SetLength(0);
                    Happened(result.MessageType == WebSocketMessageType.Text
                        ? new("text", Encoding.UTF8.GetString(data))
                        : new("binary", Data: data));
                }
            }

            if (_socket.State == WebSocketState.CloseReceived)
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            }

            Happened(new("close", _socket.CloseStatusDescription ?? "", (int?)_socket.CloseStatus ?? 1005));
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            Happened(new("close", exception.Message, 1006));
        }
    }
}

using System.Net.WebSockets;

namespace DistributedSockets.Benchmarks.Peers;

internal sealed class HandwrittenConnection(WebSocket socket, string? user, string[] groups)
{
    private readonly SemaphoreSlim _sending = new(1);

    public string? User => user;

    public string[] Groups => groups;

    public async Task SendAsync(ReadOnlyMemory<byte> payload)
    {
        await _sending.WaitAsync();
        try
        {
            await socket.SendAsync(payload, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // The client is gone.
        }
        finally
        {
            _sending.Release();
        }
    }
}

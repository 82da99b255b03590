using System.Net.WebSockets;
using System.Text.Json;
using DistributedSockets.Testing;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>A client of one of the JSON subprotocols.</summary>
internal sealed class RestClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[2 * RestBody.MaxBytes];

    internal string Id { get; private set; } = "";

    /// <summary>From where the last message came: <c>server</c>, or <c>group</c> and its name.</summary>
    internal string From { get; private set; } = "";

    internal WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    /// <summary>What it was told before it was closed.</summary>
    internal string? CloseReason { get; private set; }

    internal static async Task<RestClient> ConnectAsync(Uri url, string subProtocol)
    {
        var client = new RestClient();
        client._socket.Options.AddSubProtocol(subProtocol);
        await client._socket.ConnectAsync(url, TestContext.Current.CancellationToken).WithinGuardAsync();
        using var connected = await client.ReceiveFrameAsync();
        client.Id = connected!.RootElement.GetProperty("connectionId").GetString()!; // without it the test fails
        return client;
    }

    /// <summary>The data of the next message: a text, JSON as it is written, or hexadecimal digits behind <c>0x</c>; <c>closed</c> at the end.</summary>
    internal async Task<string> ReceiveAsync()
    {
        while (await ReceiveFrameAsync() is { } frame)
        {
            using (frame)
            {
                var root = frame.RootElement;
                if (root.GetProperty("type").GetString() == "system")
                {
                    CloseReason = root.GetProperty("message").GetString();
                    continue;
                }

                From = root.GetProperty("from").GetString() + (root.TryGetProperty("group", out var group) ? $" {group.GetString()}" : "");
                Assert.False(root.TryGetProperty("fromUserId", out var user) && user.ValueKind != JsonValueKind.Null);
                var data = root.GetProperty("data");
                return root.GetProperty("dataType").GetString() switch
                {
                    "json" => data.GetRawText(),
                    "text" => data.GetString()!, // a missing one fails the test
                    _ => "0x" + Convert.ToHexStringLower(data.GetBytesFromBase64()),
                };
            }
        }

        return "closed";
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<JsonDocument?> ReceiveFrameAsync()
    {
        var length = 0;
        while (true)
        {
            var received = await _socket.ReceiveAsync(_buffer.AsMemory(length), TestContext.Current.CancellationToken).WithinGuardAsync();
            length += received.Count;
            if (received.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            if (received.EndOfMessage)
            {
                return JsonDocument.Parse(_buffer.AsMemory(0, length).ToArray());
            }
        }
    }
}

using System.Collections.Concurrent;

namespace DistributedSockets.WebPubSub.Tests.Clients;

/// <summary>An app that answers <c>echo</c>, says nothing to <c>silent</c>, fails at <c>boom</c>, and waits at <c>wait</c> until it is cancelled.</summary>
internal sealed class TestEvents : IClientEvents
{
    internal ConcurrentQueue<string> Told { get; } = new();

    internal TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ValueTask OnConnectingAsync(ClientHandshake handshake, CancellationToken cancellationToken)
    {
        if (handshake.UserId == "banned")
        {
            handshake.Refuse(403, "You may not.");
        }
        else if (handshake.UserId == "changed")
        {
            handshake.UserId = "other";
            handshake.Roles.Add("webpubsub.joinLeaveGroup");
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask OnConnectedAsync(WebSocketConnection connection, CancellationToken cancellationToken)
    {
        Told.Enqueue($"connected {connection.Id}");
        return ValueTask.CompletedTask;
    }

    public async ValueTask<ClientReply?> OnEventAsync(WebSocketConnection connection, ClientEvent message, CancellationToken cancellationToken)
    {
        switch (message.Name)
        {
            case "echo" or "message":
                return new(message.DataType, message.Data.ToArray());
            case "silent":
                return null;
            case "wait":
                Waiting.TrySetResult();
                try
                {
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }
                finally
                {
                    Cancelled.TrySetResult();
                }

                return null;
            case "boom":
                throw new InvalidOperationException("A secret of the server.");
            default:
                throw new EventFailedException("InternalServerError", $"Nobody handles '{message.Name}'.");
        }
    }

    public ValueTask OnDisconnectedAsync(WebSocketConnection connection, DisconnectReason reason)
    {
        Told.Enqueue($"disconnected {connection.Id}");
        return ValueTask.CompletedTask;
    }
}

namespace DistributedSockets.TestNode;

/// <summary>What a handler should not do: <c>throw</c>, <c>hang</c>, <c>block</c> its thread, <c>hold</c> 100 MB, or <c>loop</c>, sending to itself.</summary>
internal sealed class HandlerFaults
{
    private const int HeldBytes = 100_000_000;
    private const int LoopBytes = 1_000;

    private byte[] _held = [];

    public async ValueTask RunAsync(string fault, WebSocketConnection connection, IWebSocketRouter router, CancellationToken cancellationToken)
    {
        switch (fault)
        {
            case "throw":
                throw new InvalidOperationException("This handler throws.");
            case "hang":
                await Task.Delay(Timeout.Infinite, CancellationToken.None); // heeds no token
                break;
            case "block":
                Thread.Sleep(Timeout.Infinite);
                break;
            case "hold":
                _held = new byte[HeldBytes];
                _held.AsSpan().Fill(1);
                await connection.SendAsync(WebSocketMessage.Text($"held {_held.Length}"), cancellationToken);
                break;
            case "loop":
                while (!cancellationToken.IsCancellationRequested)
                {
                    await router.SendToConnectionAsync(connection.Id, new byte[LoopBytes], cancellationToken);
                }

                break;
            default:
                await connection.SendAsync(WebSocketMessage.Text($"error ! There is no fault {fault}."), cancellationToken);
                break;
        }
    }
}

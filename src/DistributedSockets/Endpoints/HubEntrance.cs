namespace DistributedSockets;

/// <summary>Adds a connection to its hub once, at the moment its handshake is answered.</summary>
internal sealed class HubEntrance(HubConnections hub, Connection connection)
{
    private bool _isClosed;

    internal Connection Connection => connection;

    internal bool HasEntered { get; private set; }

    /// <summary>The response begins: it is the answer to the handshake, or a refusal if the entrance has been closed.</summary>
    internal Task OnAnswering()
    {
        Enter();
        return Task.CompletedTask;
    }

    internal void Enter()
    {
        if (!HasEntered && !_isClosed)
        {
            HasEntered = true;
            hub.Add(connection);
        }
    }

    /// <summary>Whatever response begins from now on is not the answer.</summary>
    internal void Close() => _isClosed = true;
}

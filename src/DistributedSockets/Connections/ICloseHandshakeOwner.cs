namespace DistributedSockets;

/// <summary>Is told when a connection begins to end.</summary>
internal interface ICloseHandshakeOwner
{
    /// <summary>The connection id.</summary>
    string Id { get; }

    /// <summary>The reason is known from now on. Called once; must not throw.</summary>
    void OnEnding();
}

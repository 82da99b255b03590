namespace DistributedSockets;

/// <summary>Hears of what happens to the end of a connection.</summary>
internal interface ICloseHandshakeOwner
{
    /// <summary>The connection begins to end: the reason is known from now on. Called once; must not throw.</summary>
    void OnEnding();
}

namespace DistributedSockets.WebPubSub;

/// <summary>What a client may be allowed to do with groups.</summary>
internal enum ClientPermission
{
    JoinLeaveGroup,
    SendToGroup,
}

namespace DistributedSockets.WebPubSub;

/// <summary>A session of the directory, as filters see it.</summary>
internal sealed class SessionRecipient(Session session) : IRecipient
{
    public string ConnectionId => session.ConnectionId;

    public string? UserId => session.UserId;

    public int GroupCount => session.Groups.Count;

    public bool IsIn(string group) => session.Groups.Contains(group);
}

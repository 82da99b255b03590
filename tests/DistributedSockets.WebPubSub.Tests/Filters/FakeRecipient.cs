namespace DistributedSockets.WebPubSub.Tests;

internal sealed class FakeRecipient(string connectionId, string? userId, params string[] groups) : IRecipient
{
    public string ConnectionId => connectionId;

    public string? UserId => userId;

    public int GroupCount => groups.Length;

    public bool IsIn(string group) => groups.Contains(group);
}

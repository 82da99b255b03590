namespace DistributedSockets.WebPubSub;

internal interface IRecipient
{
    string ConnectionId { get; }

    string? UserId { get; }

    int GroupCount { get; }

    bool IsIn(string group);
}

internal interface IRecipientFilter
{
    bool Matches(IRecipient recipient);
}

internal interface IRecipientFilterFactory
{
    IRecipientFilter Parse(string filter);
}

namespace DistributedSockets.WebPubSub;

/// <summary>In how many groups a connection is.</summary>
internal sealed class GroupCountNode() : FilterNode(FilterType.Integer)
{
    internal override FilterValue Evaluate(IRecipient recipient) => (long)recipient.GroupCount;
}

namespace DistributedSockets.WebPubSub;

/// <summary>A value that stands in the filter.</summary>
internal sealed class LiteralNode(FilterValue value) : FilterNode(value.Type)
{
    internal FilterValue Value => value;

    internal override FilterValue Evaluate(IRecipient recipient) => value;
}

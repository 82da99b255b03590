namespace DistributedSockets.WebPubSub;

/// <summary>A part of a filter that has been read and has a type. Never changes, and evaluates to null or a value of its type.</summary>
internal abstract class FilterNode(FilterType type)
{
    internal FilterType Type => type;

    /// <summary>What it is for one connection.</summary>
    internal abstract FilterValue Evaluate(IRecipient recipient);
}

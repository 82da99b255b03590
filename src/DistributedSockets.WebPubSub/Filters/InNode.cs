namespace DistributedSockets.WebPubSub;

/// <summary>Whether a value is one of a list.</summary>
internal sealed class InNode(FilterNode value, FilterNode[] list) : FilterNode(FilterType.Boolean)
{
    internal override FilterValue Evaluate(IRecipient recipient)
    {
        var wanted = value.Evaluate(recipient);
        foreach (var entry in list)
        {
            if (FilterValue.AreSame(wanted, entry.Evaluate(recipient)))
            {
                return true;
            }
        }

        return false;
    }
}

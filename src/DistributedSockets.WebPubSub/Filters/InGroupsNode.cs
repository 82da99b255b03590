namespace DistributedSockets.WebPubSub;

/// <summary>Whether a connection is in the group that a string names.</summary>
internal sealed class InGroupsNode(FilterNode group) : FilterNode(FilterType.Boolean)
{
    private readonly string? _literal = group is LiteralNode { Value: { Type: FilterType.String } value } ? GroupNames.ToCore(value.Text) : null;

    internal override FilterValue Evaluate(IRecipient recipient)
    {
        if (_literal is not null)
        {
            return recipient.IsIn(_literal);
        }

        var name = group.Evaluate(recipient);
        return name.Type == FilterType.String && recipient.IsIn(GroupNames.ToCore(name.Text));
    }
}

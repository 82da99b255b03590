namespace DistributedSockets.WebPubSub;

/// <summary>Something of the connection: its user, its id, or its groups, which have no value of their own.</summary>
internal sealed class OperandNode : FilterNode
{
    internal static readonly OperandNode UserId = new(FilterType.String, static recipient => recipient.UserId);
    internal static readonly OperandNode ConnectionId = new(FilterType.String, static recipient => recipient.ConnectionId);
    internal static readonly OperandNode Groups = new(FilterType.Groups, static _ => FilterValue.Null);

    private readonly Func<IRecipient, FilterValue> _read;

    private OperandNode(FilterType type, Func<IRecipient, FilterValue> read)
        : base(type) => _read = read;

    internal override FilterValue Evaluate(IRecipient recipient) => _read(recipient);
}

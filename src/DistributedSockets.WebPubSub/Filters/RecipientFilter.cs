namespace DistributedSockets.WebPubSub;

/// <summary>A filter of the REST interface, read once and evaluated for each connection. What is unknown is no match.</summary>
internal sealed class RecipientFilter : IRecipientFilter
{
    private readonly FilterNode _condition;

    private RecipientFilter(FilterNode condition) => _condition = condition;

    /// <exception cref="FormatException">It is no filter. The message says where and why.</exception>
    internal static RecipientFilter Parse(string filter) => new(FilterParser.Parse(filter));

    public bool Matches(IRecipient recipient) => _condition.Evaluate(recipient).IsTrue;
}

namespace DistributedSockets.WebPubSub;

/// <summary><c>and</c>, <c>or</c> and <c>not</c>, where null means "unknown": it decides nothing that the other side decides.</summary>
internal sealed class LogicalNode(LogicalOperator op, FilterNode left, FilterNode? right) : FilterNode(FilterType.Boolean)
{
    internal override FilterValue Evaluate(IRecipient recipient)
    {
        var first = left.Evaluate(recipient);
        if (op == LogicalOperator.Not)
        {
            return first.IsNull ? first : (FilterValue)first.IsFalse;
        }

        var deciding = op == LogicalOperator.Or;
        if (deciding ? first.IsTrue : first.IsFalse)
        {
            return first;
        }

        var second = right!.Evaluate(recipient); // only "not" has none
        return !second.IsNull && second.IsTrue == deciding ? second : first.IsNull ? first : second;
    }
}

/// <summary>How booleans are combined.</summary>
internal enum LogicalOperator
{
    /// <summary>Both.</summary>
    And,

    /// <summary>One of them.</summary>
    Or,

    /// <summary>The opposite of one.</summary>
    Not,
}

namespace DistributedSockets.WebPubSub;

/// <summary>Compares two values. Null equals null alone, and is neither less nor greater than anything.</summary>
internal sealed class ComparisonNode(ComparisonOperator op, FilterNode left, FilterNode right) : FilterNode(FilterType.Boolean)
{
    internal override FilterValue Evaluate(IRecipient recipient)
    {
        var first = left.Evaluate(recipient);
        var second = right.Evaluate(recipient);
        switch (op)
        {
            case ComparisonOperator.Equal:
                return FilterValue.AreSame(first, second);
            case ComparisonOperator.NotEqual:
                return !FilterValue.AreSame(first, second);
        }

        if (first.IsNull || second.IsNull)
        {
            return false;
        }

        var order = FilterValue.Compare(first, second);
        return op switch
        {
            ComparisonOperator.Less => order < 0,
            ComparisonOperator.LessOrEqual => order <= 0,
            ComparisonOperator.Greater => order > 0,
            _ => order >= 0,
        };
    }
}

/// <summary>How two values are compared.</summary>
internal enum ComparisonOperator
{
    /// <summary><c>eq</c>.</summary>
    Equal,

    /// <summary><c>ne</c>.</summary>
    NotEqual,

    /// <summary><c>lt</c>.</summary>
    Less,

    /// <summary><c>le</c>.</summary>
    LessOrEqual,

    /// <summary><c>gt</c>.</summary>
    Greater,

    /// <summary><c>ge</c>.</summary>
    GreaterOrEqual,
}

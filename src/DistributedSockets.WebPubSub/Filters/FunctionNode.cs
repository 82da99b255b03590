namespace DistributedSockets.WebPubSub;

/// <summary>Calls a function. If one of its arguments is null, so is what it returns.</summary>
internal sealed class FunctionNode(FilterFunction function, FilterNode[] arguments) : FilterNode(function.Returns)
{
    internal override FilterValue Evaluate(IRecipient recipient)
    {
        var first = arguments[0].Evaluate(recipient);
        var second = arguments.Length > 1 ? arguments[1].Evaluate(recipient) : "";
        FilterValue third = arguments.Length > 2 ? arguments[2].Evaluate(recipient) : long.MaxValue;
        return first.IsNull || second.IsNull || third.IsNull ? FilterValue.Null : function.Call(first, second, third);
    }
}

namespace DistributedSockets.WebPubSub;

/// <summary>Reads the filters of sends, at each node that delivers them.</summary>
internal sealed class RecipientFilters : IRecipientFilterFactory
{
    public IRecipientFilter Parse(string filter) => RecipientFilter.Parse(filter);
}

namespace DistributedSockets;

/// <summary>Reads the filters of sends, and of what comes from other nodes.</summary>
internal static class RecipientFilters
{
    /// <summary>The most bytes that a filter has.</summary>
    internal const int MaxBytes = 16_384;

    /// <summary>What nobody matches.</summary>
    internal static readonly IRecipientFilter Nobody = new NoRecipient();

    /// <summary>Reads the filter of a send.</summary>
    /// <exception cref="InvalidOperationException">The hub knows no language of filters.</exception>
    /// <exception cref="ArgumentException">The filter cannot be read.</exception>
    internal static IRecipientFilter Read(string filter, IRecipientFilterFactory? factory)
    {
        if (factory is null)
        {
            throw new InvalidOperationException("The hub has no language of filters. Set HubOptions.RecipientFilters on all nodes and senders, or send without SendOptions.Filter.");
        }

        try
        {
            return factory.Parse(filter);
        }
        catch (FormatException exception)
        {
            throw new ArgumentException($"The filter cannot be read: {exception.Message} Nothing was sent.", nameof(filter), exception);
        }
    }

    /// <summary>Reads a filter that came from elsewhere. One that cannot be read means nobody here: better too few than too many.</summary>
    internal static IRecipientFilter ReadReceived(string filter, IRecipientFilterFactory? factory)
    {
        try
        {
            return factory?.Parse(filter) ?? Nobody;
        }
        catch (FormatException)
        {
            return Nobody;
        }
    }

    private sealed class NoRecipient : IRecipientFilter
    {
        public bool Matches(IRecipient recipient) => false;
    }
}

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
            return new Guarded(factory.Parse(filter));
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
            return factory is null ? Nobody : new Guarded(factory.Parse(filter));
        }
        catch (Exception) // whatever is wrong with it: the others of the lane must be served
        {
            return Nobody;
        }
    }

    /// <summary>A filter of the app's, which throws nothing: what it throws about does not get the message.</summary>
    private sealed class Guarded(IRecipientFilter filter) : IRecipientFilter
    {
        public bool Matches(IRecipient recipient)
        {
            try
            {
                return filter.Matches(recipient);
            }
            catch (Exception)
            {
                return false;
            }
        }
    }

    private sealed class NoRecipient : IRecipientFilter
    {
        public bool Matches(IRecipient recipient) => false;
    }
}

namespace DistributedSockets;

/// <summary>Knows the language of <see cref="SendOptions.Filter"/>. Set as <see cref="HubOptions.RecipientFilters"/>; called by many threads at once.</summary>
public interface IRecipientFilterFactory
{
    /// <summary>Reads a filter. Done once for a message on each node.</summary>
    /// <param name="filter">The filter, which may come from another node of another version.</param>
    /// <exception cref="FormatException">It cannot be read. A sender is told; a node that receives it delivers the message to nobody.</exception>
    IRecipientFilter Parse(string filter);
}

/// <summary>A filter that has been read.</summary>
public interface IRecipientFilter
{
    /// <summary>Whether a connection gets the message. Called while messages are queued, for each one: it does not wait, and throws nothing.</summary>
    /// <param name="recipient">The connection, or the session whose client is away. Not to be kept.</param>
    bool Matches(IRecipient recipient);
}

/// <summary>A connection that a message may go to.</summary>
public interface IRecipient
{
    /// <summary>Its id.</summary>
    string ConnectionId { get; }

    /// <summary>Its user; <see langword="null"/> if it has none.</summary>
    string? UserId { get; }

    /// <summary>In how many groups it is.</summary>
    int GroupCount { get; }

    /// <summary>Whether it is in a group.</summary>
    /// <param name="group">The group.</param>
    bool IsIn(string group);
}

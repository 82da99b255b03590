namespace DistributedSockets.Docs.Tests;

/// <summary>Reads each filter, and lets each connection have the message.</summary>
internal sealed class AnyFilter : IRecipientFilterFactory, IRecipientFilter
{
    internal static readonly AnyFilter Instance = new();

    public IRecipientFilter Parse(string filter) => this;

    public bool Matches(IRecipient recipient) => true;
}

namespace DistributedSockets.WebPubSub;

/// <summary>A token that one of the access keys has signed and that has not run out. Whom it is for has not been looked at.</summary>
internal sealed class AccessToken
{
    /// <summary>Whom it is for.</summary>
    internal required IReadOnlyList<string> Audiences { get; init; }

    /// <summary>The user; null for none.</summary>
    internal string? Subject { get; init; }

    internal required IReadOnlyList<string> Roles { get; init; }

    internal required IReadOnlyList<string> Groups { get; init; }

    /// <summary>All claims, one for each item of a list.</summary>
    internal required IReadOnlyList<KeyValuePair<string, string>> Claims { get; init; }
}

namespace DistributedSockets.WebPubSub;

/// <summary>An HTTP server that is told what clients do, as CloudEvents: an upstream as it is written for Azure Web PubSub.</summary>
public sealed class WebPubSubWebhook
{
    /// <summary>Gets or sets the address: <c>http</c> or <c>https</c>. <c>{hub}</c> and <c>{event}</c> in its path or query stand for the names of the hub and the event.</summary>
    /// <value>None by default; needed.</value>
    public string? Url { get; set; }

    /// <summary>Gets or sets the hub whose events it is told.</summary>
    /// <value>The default is <see langword="null"/>: all hubs.</value>
    public string? Hub { get; set; }

    /// <summary>Gets the names of the events of clients that it handles, unless the app has a handler for them; <c>*</c> for all.</summary>
    /// <value>The default is <c>*</c>.</value>
    public IList<string> UserEvents { get; } = ["*"];

    /// <summary>Gets what else it is told: <c>connect</c>, which it may refuse, <c>connected</c> and <c>disconnected</c>.</summary>
    /// <value>Empty by default.</value>
    public IList<string> SystemEvents { get; } = [];

    internal bool Serves(string hub) => Hub is null || WebPubSubHub.Fold(Hub) == hub;

    internal bool HasUserEvent(string name) => UserEvents.Any(known => known == "*" || known == name);

    internal bool HasSystemEvent(string name) => SystemEvents.Any(known => known.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The address for an event.</summary>
    internal Uri Address(string hub, string name) => new(Url!
        .Replace("{hub}", Uri.EscapeDataString(hub), StringComparison.OrdinalIgnoreCase)
        .Replace("{event}", Uri.EscapeDataString(name), StringComparison.OrdinalIgnoreCase)); // checked at start

    /// <summary>What is wrong with it, or null.</summary>
    internal string? Problem(IEnumerable<string> hubs)
    {
        if (Url is null || !Uri.TryCreate(Url.Replace("{hub}", "hub", StringComparison.OrdinalIgnoreCase).Replace("{event}", "event", StringComparison.OrdinalIgnoreCase), UriKind.Absolute, out var address)
            || address.Scheme is not ("http" or "https") || new Uri(Url).Host.Contains('{', StringComparison.Ordinal))
        {
            return "has an Url that is no address. Write it as http:// or https:// with a host and a path, of which the path and the query may hold {hub} and {event}.";
        }

        if (Hub is not null && !hubs.Contains(Hub, StringComparer.OrdinalIgnoreCase))
        {
            return $"is for the hub '{Hub}', which is not served. Add it to WebPubSubOptions.Hubs, or leave Hub out for all hubs.";
        }

        return SystemEvents.FirstOrDefault(static name => name.ToUpperInvariant() is not ("CONNECT" or "CONNECTED" or "DISCONNECTED")) is { } unknown
            ? $"has the system event '{unknown}'. There are connect, connected and disconnected."
            : null;
    }
}

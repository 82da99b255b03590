using Microsoft.AspNetCore.Http;

namespace DistributedSockets.WebPubSub;

/// <summary>A client that wants to connect, with what its token says; what is changed here is what it begins with.</summary>
internal sealed class ClientHandshake(ConnectingContext context, IReadOnlyList<KeyValuePair<string, string>> claims)
{
    internal HttpContext HttpContext => context.HttpContext;

    internal string Hub => context.Hub;

    /// <summary>The id that the connection will have.</summary>
    internal string ConnectionId => context.ConnectionId;

    /// <summary>The claims of the token, in its order; one for each item of a list.</summary>
    internal IReadOnlyList<KeyValuePair<string, string>> Claims => claims;

    internal IList<string> RequestedSubProtocols => context.RequestedSubProtocols;

    internal string? UserId { get; set; }

    internal List<string> Roles { get; init; } = [];

    /// <summary>The names of groups, as clients write them.</summary>
    internal HashSet<string> Groups { get; init; } = new(StringComparer.Ordinal);

    /// <summary>What the app keeps with the connection.</summary>
    internal Dictionary<string, string> Properties { get; } = new(StringComparer.Ordinal);

    /// <summary>The subprotocol, at first the one that the hub has chosen.</summary>
    internal string? SubProtocol
    {
        get => context.SubProtocol;
        set => context.SubProtocol = value;
    }

    internal void Refuse(int statusCode, string reason) => context.Refuse(statusCode, reason);
}

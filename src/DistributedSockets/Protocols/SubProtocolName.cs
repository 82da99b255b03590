namespace DistributedSockets;

/// <summary>The names of subprotocols (RFC 6455 section 4.1).</summary>
internal static class SubProtocolName
{
    /// <summary>Whether a name is a token, as it has to be to stand in a header.</summary>
    internal static bool IsToken(string? name) =>
        !string.IsNullOrEmpty(name) && !name.AsSpan().ContainsAnyExceptInRange('!', '~') && !name.AsSpan().ContainsAny("()<>@,;:\\\"/[]?={}");
}

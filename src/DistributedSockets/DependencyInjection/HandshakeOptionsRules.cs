using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks the options of an endpoint's handshakes, or of those for all endpoints of a hub.</summary>
internal static class HandshakeOptionsRules
{
    internal static void Check(HandshakeOptions options, ValidateOptionsResultBuilder errors)
    {
        errors.CheckDuration(
            nameof(options.ConnectionFilterTimeout), options.ConnectionFilterTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5));
        foreach (var origin in options.AllowedOrigins)
        {
            if (OriginCheck.Problem(origin) is { } problem)
            {
                var shown = origin?.Contains('@') == true ? "…@…" : origin?.Split('?', '#')[0]; // a password or a token may be in what is left out
                errors.AddError($"AllowedOrigins contains '{shown}', which cannot be used: {problem}. Write each as scheme://host[:port], or * for any.");
            }
        }

        foreach (var protocol in options.SubProtocols)
        {
            if (!SubProtocolName.IsToken(protocol))
            {
                errors.AddError($"SubProtocols contains '{protocol}', which is no token of RFC 6455 section 4.1. Use letters, digits, dots and hyphens.");
            }
        }
    }

    /// <summary>Checks a duration, with a message that names option, value and range.</summary>
    internal static bool CheckDuration(
        this ValidateOptionsResultBuilder errors, string option, TimeSpan value, TimeSpan min, TimeSpan max, string orElse = "")
    {
        if (value >= min && value <= max)
        {
            return true;
        }

        errors.AddError($"{option} is {value}. Set it to between {min} and {max}{orElse}.");
        return false;
    }
}

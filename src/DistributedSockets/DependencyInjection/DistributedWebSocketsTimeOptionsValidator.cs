using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks durations, origins and subprotocols, whose rules attributes cannot say without reflection.</summary>
internal sealed class DistributedWebSocketsTimeOptionsValidator : IValidateOptions<DistributedWebSocketsOptions>
{
    public ValidateOptionsResult Validate(string? name, DistributedWebSocketsOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        var second = TimeSpan.FromSeconds(1);
        var hour = TimeSpan.FromHours(1);
        var tenth = TimeSpan.FromMilliseconds(100);
        var fiveMinutes = TimeSpan.FromMinutes(5);
        Check(errors, nameof(options.KeepAliveInterval), options.KeepAliveInterval, second, hour);
        Check(errors, nameof(options.KeepAliveTimeout), options.KeepAliveTimeout, second, hour);
        Check(errors, nameof(options.CloseTimeout), options.CloseTimeout, tenth, TimeSpan.FromMinutes(1));
        Check(errors, nameof(options.HeartbeatInterval), options.HeartbeatInterval, tenth, fiveMinutes);
        Check(errors, nameof(options.LeaseExpiry), options.LeaseExpiry, second, hour);
        Check(errors, nameof(options.RemoteCommandTimeout), options.RemoteCommandTimeout, tenth, fiveMinutes);
        Check(errors, nameof(options.UnsubscribeDelay), options.UnsubscribeDelay, TimeSpan.Zero, hour);
        Check(errors, nameof(options.DrainTimeout), options.DrainTimeout, TimeSpan.Zero, hour);
        if (options.HeartbeatInterval > options.LeaseExpiry / 2)
        {
            errors.AddError(
                $"HeartbeatInterval is {options.HeartbeatInterval} and LeaseExpiry {options.LeaseExpiry}. " +
                "Set HeartbeatInterval to at most half of LeaseExpiry, so that one late heartbeat does not lose the node.");
        }

        foreach (var origin in options.AllowedOrigins)
        {
            if (origin != "*" && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.PathAndQuery == "/" && !origin.EndsWith('/')))
            {
                errors.AddError($"AllowedOrigins contains '{origin}'. Write each as scheme://host[:port] without a path, or * for any.");
            }
        }

        foreach (var protocol in options.SubProtocols)
        {
            if (string.IsNullOrEmpty(protocol) || protocol.AsSpan().ContainsAnyExceptInRange('!', '~') || protocol.AsSpan().ContainsAny("()<>@,;:\\\"/[]?={}"))
            {
                errors.AddError($"SubProtocols contains '{protocol}', which is no token of RFC 6455 section 4.1. Use letters, digits, dots and hyphens.");
            }
        }

        return errors.Build();
    }

    private static void Check(ValidateOptionsResultBuilder errors, string option, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max)
        {
            errors.AddError($"{option} is {value}. Set it to between {min} and {max}.");
        }
    }
}

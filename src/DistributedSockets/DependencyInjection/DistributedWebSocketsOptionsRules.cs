using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what attributes cannot say without reflection: durations, names, origins, subprotocols, and rules between options.</summary>
internal sealed partial class DistributedWebSocketsOptionsRules : IValidateOptions<DistributedWebSocketsOptions>
{
    public ValidateOptionsResult Validate(string? name, DistributedWebSocketsOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        var second = TimeSpan.FromSeconds(1);
        var hour = TimeSpan.FromHours(1);
        var tenth = TimeSpan.FromMilliseconds(100);
        var fiveMinutes = TimeSpan.FromMinutes(5);
        if (options.NodeName is null || !NodeName().IsMatch(options.NodeName))
        {
            errors.AddError($"NodeName is '{options.NodeName}'. Set it to 1 to 64 letters, digits, hyphens or underscores.");
        }

        if (!Enum.IsDefined(options.SlowConsumerPolicy))
        {
            errors.AddError($"SlowConsumerPolicy is {options.SlowConsumerPolicy}. Set it to {string.Join(", ", Enum.GetNames<SlowConsumerPolicy>())}.");
        }

        if (!Enum.IsDefined(options.ReceiveRatePolicy))
        {
            errors.AddError($"ReceiveRatePolicy is {options.ReceiveRatePolicy}. Set it to {string.Join(", ", Enum.GetNames<ReceiveRatePolicy>())}.");
        }

        if (options.ReceiveRatePolicy == ReceiveRatePolicy.Close && options.MaxReceivedBytesPerSecond < options.MaxMessageBytes)
        {
            errors.AddError(
                $"MaxReceivedBytesPerSecond is {options.MaxReceivedBytesPerSecond} and MaxMessageBytes {options.MaxMessageBytes}. With ReceiveRatePolicy.Close " +
                "set MaxReceivedBytesPerSecond to at least MaxMessageBytes, so that no single message closes its connection.");
        }

        Check(errors, nameof(options.KeepAliveInterval), options.KeepAliveInterval, second, hour);
        Check(errors, nameof(options.KeepAliveTimeout), options.KeepAliveTimeout, second, hour);
        Check(errors, nameof(options.MaxConnectionAge), options.MaxConnectionAge, TimeSpan.Zero, TimeSpan.FromHours(168));
        if (options.IdleTimeout != TimeSpan.Zero)
        {
            Check(errors, nameof(options.IdleTimeout), options.IdleTimeout, second, TimeSpan.FromHours(168), ", or to zero for no limit");
        }

        Check(errors, nameof(options.MessageTimeout), options.MessageTimeout, second, hour);
        Check(errors, nameof(options.CloseTimeout), options.CloseTimeout, tenth, TimeSpan.FromMinutes(1));
        if (Check(errors, nameof(options.HeartbeatInterval), options.HeartbeatInterval, tenth, fiveMinutes)
            && Check(errors, nameof(options.LeaseExpiry), options.LeaseExpiry, second, hour)
            && options.HeartbeatInterval > options.LeaseExpiry / 2)
        {
            errors.AddError(
                $"HeartbeatInterval is {options.HeartbeatInterval} and LeaseExpiry {options.LeaseExpiry}. " +
                "Set HeartbeatInterval to at most half of LeaseExpiry, so that one late heartbeat does not lose the node.");
        }

        Check(errors, nameof(options.RemoteCommandTimeout), options.RemoteCommandTimeout, tenth, fiveMinutes);
        Check(errors, nameof(options.UnsubscribeDelay), options.UnsubscribeDelay, TimeSpan.Zero, hour);
        Check(errors, nameof(options.DrainTimeout), options.DrainTimeout, TimeSpan.Zero, hour);
        Check(errors, nameof(options.EnvelopeMaxAge), options.EnvelopeMaxAge, second, TimeSpan.FromDays(1));
        foreach (var problem in EnvelopeKeyRing.Problems(options.EnvelopeKeys))
        {
            errors.AddError(problem);
        }

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
            if (string.IsNullOrEmpty(protocol) || protocol.AsSpan().ContainsAnyExceptInRange('!', '~') || protocol.AsSpan().ContainsAny("()<>@,;:\\\"/[]?={}"))
            {
                errors.AddError($"SubProtocols contains '{protocol}', which is no token of RFC 6455 section 4.1. Use letters, digits, dots and hyphens.");
            }
        }

        return errors.Build();
    }

    private static bool Check(ValidateOptionsResultBuilder errors, string option, TimeSpan value, TimeSpan min, TimeSpan max, string orElse = "")
    {
        if (value >= min && value <= max)
        {
            return true;
        }

        errors.AddError($"{option} is {value}. Set it to between {min} and {max}{orElse}.");
        return false;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex NodeName();
}

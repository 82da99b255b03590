using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what attributes cannot say without reflection: durations, names, keys, rules between options, and what all hubs begin with.</summary>
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

        if (errors.CheckDuration(nameof(options.HeartbeatInterval), options.HeartbeatInterval, tenth, fiveMinutes)
            && errors.CheckDuration(nameof(options.LeaseExpiry), options.LeaseExpiry, second, hour)
            && options.HeartbeatInterval > options.LeaseExpiry / 2)
        {
            errors.AddError(
                $"HeartbeatInterval is {options.HeartbeatInterval} and LeaseExpiry {options.LeaseExpiry}. " +
                "Set HeartbeatInterval to at most half of LeaseExpiry, so that one late heartbeat does not lose the node.");
        }

        errors.CheckDuration(nameof(options.RemoteCommandTimeout), options.RemoteCommandTimeout, tenth, fiveMinutes);
        errors.CheckDuration(nameof(options.UnsubscribeDelay), options.UnsubscribeDelay, TimeSpan.Zero, hour);
        errors.CheckDuration(nameof(options.DrainTimeout), options.DrainTimeout, TimeSpan.Zero, hour);
        errors.CheckDuration(nameof(options.EnvelopeMaxAge), options.EnvelopeMaxAge, second, TimeSpan.FromDays(1));
        foreach (var problem in EnvelopeKeyRing.Problems(options.EnvelopeKeys))
        {
            errors.AddError(problem);
        }

        HubOptionsRules.Check(options, errors); // what all hubs begin with
        return errors.Build();
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex NodeName();
}

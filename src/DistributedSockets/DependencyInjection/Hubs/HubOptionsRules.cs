using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what attributes cannot say of the options of a hub, or of those for all hubs.</summary>
internal static class HubOptionsRules
{
    internal static void Check(HubOptions options, ValidateOptionsResultBuilder errors)
    {
        var second = TimeSpan.FromSeconds(1);
        var hour = TimeSpan.FromHours(1);
        var week = TimeSpan.FromDays(7);
        if (!Enum.IsDefined(options.SlowConsumerPolicy))
        {
            errors.AddError($"SlowConsumerPolicy is {options.SlowConsumerPolicy}. Set it to {string.Join(", ", Enum.GetNames<SlowConsumerPolicy>())}.");
        }

        if (!Enum.IsDefined(options.ReceiveRatePolicy))
        {
            errors.AddError($"ReceiveRatePolicy is {options.ReceiveRatePolicy}. Set it to {string.Join(", ", Enum.GetNames<ReceiveRatePolicy>())}.");
        }

        if (!Enum.IsDefined(options.Presence))
        {
            errors.AddError($"Presence is {options.Presence}. Set it to {string.Join(", ", Enum.GetNames<PresenceScope>())}.");
        }

        if (options.ReceiveRatePolicy == ReceiveRatePolicy.Close && options.MaxReceivedBytesPerSecond < options.MaxMessageBytes)
        {
            errors.AddError(
                $"MaxReceivedBytesPerSecond is {options.MaxReceivedBytesPerSecond} and MaxMessageBytes {options.MaxMessageBytes}. With ReceiveRatePolicy.Close " +
                "set MaxReceivedBytesPerSecond to at least MaxMessageBytes, so that no single message closes its connection.");
        }

        errors.CheckDuration(nameof(options.KeepAliveInterval), options.KeepAliveInterval, second, hour);
        errors.CheckDuration(nameof(options.KeepAliveTimeout), options.KeepAliveTimeout, second, hour);
        errors.CheckDuration(nameof(options.MaxConnectionAge), options.MaxConnectionAge, TimeSpan.Zero, week);
        if (options.IdleTimeout != TimeSpan.Zero)
        {
            errors.CheckDuration(nameof(options.IdleTimeout), options.IdleTimeout, second, week, ", or to zero for no limit");
        }

        errors.CheckDuration(nameof(options.MessageTimeout), options.MessageTimeout, second, hour);
        errors.CheckDuration(nameof(options.CloseTimeout), options.CloseTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1));
        HandshakeOptionsRules.Check(options, errors);
    }
}

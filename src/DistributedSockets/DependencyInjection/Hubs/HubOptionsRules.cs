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

        CheckLog(options, errors);
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

    private static void CheckLog(HubOptions options, ValidateOptionsResultBuilder errors)
    {
        var second = TimeSpan.FromSeconds(1);
        var month = TimeSpan.FromDays(31);
        if (errors.CheckDuration(nameof(options.LogMaxAge), options.LogMaxAge, second, month)
            && errors.CheckDuration(nameof(options.LogIdempotencyTime), options.LogIdempotencyTime, second, month)
            && options.LogIdempotencyTime > options.LogMaxAge)
        {
            errors.AddError(
                $"LogIdempotencyTime is {options.LogIdempotencyTime} and LogMaxAge {options.LogMaxAge}. " +
                "Set LogIdempotencyTime to at most LogMaxAge, since a log forgets a key with all else of that time.");
        }

        if (errors.CheckDuration(nameof(options.ResumeWindow), options.ResumeWindow, second, TimeSpan.FromDays(1)) && options.EnableResume && options.ResumeWindow > options.LogMaxAge)
        {
            errors.AddError(
                $"ResumeWindow is {options.ResumeWindow} and LogMaxAge {options.LogMaxAge}. Set ResumeWindow to at most LogMaxAge: what the log does not keep, nobody can be sent.");
        }

        if (errors.CheckDuration(nameof(options.AcknowledgementTimeout), options.AcknowledgementTimeout, second, TimeSpan.FromDays(1))
            && options.EnableResume && options.AcknowledgementTimeout > options.LogMaxAge)
        {
            errors.AddError(
                $"AcknowledgementTimeout is {options.AcknowledgementTimeout} and LogMaxAge {options.LogMaxAge}. " +
                "Set AcknowledgementTimeout to at most LogMaxAge: what a client has not acknowledged has to be read again if it comes back.");
        }

        for (var i = 0; i < options.LoggedGroups.Count; i++)
        {
            if (options.LoggedGroups[i] is not { } pattern)
            {
                errors.AddError($"LoggedGroups[{i}] is null. Write a group name there, or the beginning of one with * behind.");
            }
            else if (Names.Problem(pattern, $"LoggedGroups[{i}]") is { } problem)
            {
                errors.AddError(problem);
            }
        }
    }
}

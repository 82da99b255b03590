using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what only the message log has.</summary>
internal sealed class NatsMessageLogOptionsValidator : IValidateOptions<NatsMessageLogOptions>
{
    private const int MaxReplicas = 5;
    private const int MinBytes = 1024 * 1024;

    public ValidateOptionsResult Validate(string? name, NatsMessageLogOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        if (options.LogReplicas is < 1 or > MaxReplicas)
        {
            errors.AddError($"NatsMessageLogOptions.LogReplicas is {options.LogReplicas}. Set it to between 1 and {MaxReplicas}, at most the number of servers in the NATS cluster.");
        }

        if (!Enum.IsDefined(options.LogStorage))
        {
            errors.AddError($"NatsMessageLogOptions.LogStorage is {options.LogStorage}. Set it to Memory or File.");
        }

        if (options.MaxLogBytes is not 0 and < MinBytes)
        {
            errors.AddError($"NatsMessageLogOptions.MaxLogBytes is {options.MaxLogBytes}. Set it to at least {MinBytes}, or to 0 for no limit.");
        }

        if (options.MaxPendingBytes < MinBytes)
        {
            errors.AddError($"NatsMessageLogOptions.MaxPendingBytes is {options.MaxPendingBytes}. Set it to between {MinBytes} and {int.MaxValue}.");
        }

        return errors.Build();
    }
}

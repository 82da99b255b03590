using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what only the session store has.</summary>
internal sealed class NatsSessionStoreOptionsValidator : IValidateOptions<NatsSessionStoreOptions>
{
    private const int MaxReplicas = 5;

    public ValidateOptionsResult Validate(string? name, NatsSessionStoreOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        if (options.Replicas is < 1 or > MaxReplicas)
        {
            errors.AddError($"NatsSessionStoreOptions.Replicas is {options.Replicas}. Set it to between 1 and {MaxReplicas}, at most the number of servers in the NATS cluster.");
        }

        if (!Enum.IsDefined(options.Storage))
        {
            errors.AddError($"NatsSessionStoreOptions.Storage is {options.Storage}. Set it to Memory or File.");
        }

        return errors.Build();
    }
}

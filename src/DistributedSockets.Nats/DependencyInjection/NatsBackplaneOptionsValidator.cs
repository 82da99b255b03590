using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks what only the backplane has.</summary>
internal sealed class NatsBackplaneOptionsValidator : IValidateOptions<NatsBackplaneOptions>
{
    private const int MinPayloadBytes = 64 * 1024;
    private const int MaxPayloadBytes = 1024 * 1024 * 1024;
    private const int MinPendingBytes = 1024 * 1024;

    public ValidateOptionsResult Validate(string? name, NatsBackplaneOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        if (options.MaxPayloadBytes is < MinPayloadBytes or > MaxPayloadBytes)
        {
            errors.AddError($"NatsBackplaneOptions.MaxPayloadBytes is {options.MaxPayloadBytes}. Set it to between {MinPayloadBytes} and {MaxPayloadBytes}.");
        }

        if (options.MaxPartialBytes < options.MaxPayloadBytes)
        {
            errors.AddError(
                $"NatsBackplaneOptions.MaxPartialBytes is {options.MaxPartialBytes}, less than MaxPayloadBytes, which is {options.MaxPayloadBytes}. " +
                "Set it to at least that: one payload must fit.");
        }

        if (options.MaxPendingBytes < MinPendingBytes)
        {
            errors.AddError($"NatsBackplaneOptions.MaxPendingBytes is {options.MaxPendingBytes}. Set it to between {MinPendingBytes} and {int.MaxValue}.");
        }

        return errors.Build();
    }
}

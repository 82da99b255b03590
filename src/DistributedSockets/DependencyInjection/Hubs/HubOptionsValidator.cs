using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks the options of one hub, and says of which.</summary>
internal sealed partial class HubOptionsValidator : IValidateOptions<HubOptions>
{
    private readonly Ranges _ranges = new();

    public ValidateOptionsResult Validate(string? name, HubOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        errors.AddResult(_ranges.Validate(name, options));
        HubOptionsRules.Check(options, errors);
        var result = errors.Build();
        return result.Failed && !string.IsNullOrEmpty(name)
            ? ValidateOptionsResult.Fail(result.Failures.Select(failure => $"Hub '{name}': {failure}"))
            : result;
    }

    [OptionsValidator]
    private sealed partial class Ranges : IValidateOptions<HubOptions>;
}

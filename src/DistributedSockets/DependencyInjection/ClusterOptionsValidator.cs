using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

internal sealed partial class ClusterOptionsValidator : IValidateOptions<DistributedWebSocketsClusterOptions>
{
    public ValidateOptionsResult Validate(string? name, DistributedWebSocketsClusterOptions options) =>
        options.Prefix is { } prefix && Form().IsMatch(prefix)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"Prefix is '{options.Prefix}'. Set it to 1 to 64 letters, digits, dots, hyphens or underscores.");

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex Form();
}

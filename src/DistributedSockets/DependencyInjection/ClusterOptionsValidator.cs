using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

internal sealed partial class ClusterOptionsValidator : IValidateOptions<DistributedWebSocketsClusterOptions>
{
    public ValidateOptionsResult Validate(string? name, DistributedWebSocketsClusterOptions options)
    {
        var problems = new List<string>();
        if (options.Prefix is not { } prefix || !Form().IsMatch(prefix))
        {
            problems.Add($"Prefix is '{options.Prefix}'. Set it to 1 to 64 letters, digits, dots, hyphens or underscores.");
        }

        if (options.Routing is not (RoutingStrategy.Interest or RoutingStrategy.Broadcast))
        {
            problems.Add($"Routing is {options.Routing}. Set it to Interest or Broadcast.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex Form();
}

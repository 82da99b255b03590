using System.Text.Json.Nodes;
using DistributedSockets.ClusterTests;

namespace DistributedSockets.WebPubSub.Tests.Official;

/// <summary>Reads what a script tells.</summary>
internal static class OfficialScript
{
    /// <summary>The first of the next reports that has a property.</summary>
    internal static async Task<JsonObject> ReportAsync(this ChildProcess script, string property, Func<JsonObject, bool>? isWanted = null)
    {
        var line = await script.LineAsync(line => line.StartsWith('{') && JsonNode.Parse(line) is JsonObject report && report.ContainsKey(property) && isWanted?.Invoke(report) != false)
            .Guarded($"a report of '{property}'");
        return JsonNode.Parse(line)!.AsObject();
    }

    /// <summary>What is wrong, as the script has found.</summary>
    internal static async Task<string[]> ProblemsAsync(this ChildProcess script) =>
        [.. (await script.ReportAsync("problems"))["problems"]!.AsArray().Select(static problem => problem!.GetValue<string>())];

    internal static async Task TellAsync(this ChildProcess script, string line)
    {
        await script.Input.WriteLineAsync(line);
        await script.Input.FlushAsync();
    }
}

using System.Text.Json;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

/// <summary>Reads <c>docs/wire-format-vectors.json</c>.</summary>
internal static class WireFormatVectors
{
    internal const string File = "docs/wire-format-vectors.json";

    private static readonly Lazy<JsonElement> s_root = new(static () => JsonDocument.Parse(Repository.Read(File)).RootElement);

    /// <summary>The envelopes, by name.</summary>
    internal static IReadOnlyDictionary<string, WireFormatVector> Envelopes { get; } =
        s_root.Value.GetProperty("envelopes").EnumerateArray().Select(static element => new WireFormatVector(element)).ToDictionary(static vector => vector.Name, StringComparer.Ordinal);

    /// <summary>What stands in a log, and is refused on a channel, by name.</summary>
    internal static IReadOnlyDictionary<string, WireFormatVector> Entries { get; } =
        s_root.Value.GetProperty("entries").EnumerateArray().Select(static element => new WireFormatVector(element)).ToDictionary(static vector => vector.Name, StringComparer.Ordinal);

    /// <summary>Records of sessions, by name.</summary>
    internal static IReadOnlyDictionary<string, WireFormatVector> Records { get; } =
        s_root.Value.GetProperty("records").EnumerateArray().Select(static element => new WireFormatVector(element)).ToDictionary(static vector => vector.Name, StringComparer.Ordinal);

    internal static WireFormatVector Sealed { get; } = new(s_root.Value.GetProperty("sealed"));

    /// <summary>A list of bytes without fields.</summary>
    /// <param name="list"><c>refused</c>, <c>ignored</c> or <c>answered</c>.</param>
    /// <param name="name">The property that tells them apart.</param>
    /// <param name="verdict">The property that says what becomes of them.</param>
    internal static IEnumerable<(string Name, string Verdict, string Bytes)> List(string list, string name, string? verdict = null) =>
        s_root.Value.GetProperty(list).EnumerateArray().Select(element => (
            element.GetProperty(name).GetString()!, // a missing one fails the test
            verdict is null ? "" : element.GetProperty(verdict).GetString()!,
            element.GetProperty("bytes").GetString()!));

    internal static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));
}

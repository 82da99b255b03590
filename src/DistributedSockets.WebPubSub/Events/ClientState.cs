using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistributedSockets.WebPubSub;

/// <summary>Keeps the connection's state among the properties of its session, in parts that are short enough for one.</summary>
internal static class ClientState
{
    /// <summary>The property that holds the subprotocol, for whoever tells of the end of a session.</summary>
    internal const string SubProtocol = "subprotocol";

    /// <summary>How long a state may be, in bytes of UTF-8.</summary>
    internal const int MaxBytes = MaxParts * SessionProperties.MaxValueBytes;

    private const int MaxParts = 6;

    private static readonly string[] s_parts = [.. Enumerable.Range(0, MaxParts).Select(static part => $"state{part}")];

    internal static string? Read(IReadOnlyDictionary<string, string> properties)
    {
        if (!properties.TryGetValue(s_parts[0], out var first))
        {
            return null;
        }

        var state = new StringBuilder(first);
        for (var part = 1; part < MaxParts && properties.TryGetValue(s_parts[part], out var text); part++)
        {
            state.Append(text);
        }

        return state.ToString();
    }

    /// <summary>Puts a state in the place of the one that is there.</summary>
    /// <exception cref="InvalidOperationException">It is too long.</exception>
    internal static void Write(IDictionary<string, string> properties, string state)
    {
        var parts = Split(state);
        for (var part = 0; part < MaxParts; part++)
        {
            if (part < parts.Count)
            {
                properties[s_parts[part]] = parts[part];
            }
            else
            {
                properties.Remove(s_parts[part]);
            }
        }
    }

    /// <summary>Reads a state; null if it is no JSON object.</summary>
    internal static JsonObject? Parse(string? state)
    {
        try
        {
            return state is null ? null : JsonNode.Parse(state) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static List<string> Split(string state)
    {
        List<string> parts = [];
        if (state == "{}")
        {
            return parts;
        }

        var (begin, bytes, at) = (0, 0, 0);
        foreach (var rune in state.EnumerateRunes())
        {
            if (bytes + rune.Utf8SequenceLength > SessionProperties.MaxValueBytes)
            {
                parts.Add(state[begin..at]);
                (begin, bytes) = (at, 0);
            }

            bytes += rune.Utf8SequenceLength;
            at += rune.Utf16SequenceLength;
        }

        parts.Add(state[begin..]);
        return parts.Count <= MaxParts
            ? parts
            : throw new InvalidOperationException($"The connection's state is longer than {MaxBytes} bytes of JSON. Keep a key to the data in it.");
    }
}

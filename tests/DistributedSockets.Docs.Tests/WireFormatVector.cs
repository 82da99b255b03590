using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace DistributedSockets.Docs.Tests;

/// <summary>An envelope of <see cref="WireFormatVectors"/>: its fields and its bytes.</summary>
internal sealed class WireFormatVector(JsonElement element)
{
    private static readonly string[] s_commands =
        ["", "add to group", "remove from group", "remove from all groups", "disconnect", "disconnect user", "disconnect group", "withdraw", "find",
        "add user to group", "remove user from group", "disconnect all", "ask", "add to group with its last messages",
        "let go of a session", "a session has been taken", "read properties", "set properties"];

    internal static string[] Targets { get; } = ["all", "connections", "users", "groups"];

    internal static string[] Outcomes { get; } = ["", "done", "not found", "backplane away", "too many groups", "refused", "not understood",
        "answered", "too many questions", "no matcher", "queue full", "no answer", "client gone", "answer too large", "log away", "changed"];

    internal string Name => this["name"];

    /// <summary>The bytes, and what they are.</summary>
    internal IEnumerable<(string Hex, string Meaning)> Pairs =>
        element.GetProperty("bytes").EnumerateArray().Select(static pair => (pair[0].GetString()!, pair[1].GetString()!)); // a missing one fails the test

    internal byte[] Bytes => [.. Pairs.SelectMany(static pair => WireFormatVectors.Hex(pair.Hex))];

    /// <summary>Whether only a later version writes it.</summary>
    internal bool IsLater => Has("later");

    /// <summary>The message of a frame, question or answer.</summary>
    internal WebSocketMessage Message => MessageElement.GetProperty("type").GetString() == "text"
        ? WebSocketMessage.Text(Payload)
        : WebSocketMessage.Binary(WireFormatVectors.Hex(Payload));

    /// <summary>The payload of the compressed frame; empty if there is none.</summary>
    internal byte[] Compressed => Has("compressed") ? WireFormatVectors.Hex(this["compressed"]) : [];

    internal RemoteCommand Command => new(
        (RemoteCommandKind)Array.IndexOf(s_commands, this["command"]), this["subject"], this["group"], element.GetProperty(Has("last") ? "last" : "closeCode").GetUInt16(), this["reason"])
        {
            AnswerTimeout = Has("timeout") ? TimeSpan.FromMilliseconds(Number("timeout")) : TimeSpan.Zero,
        };

    internal PresenceAnnouncement Announcement => new()
    {
        Epoch = this["epoch"],
        IsSettled = element.GetProperty("settled").GetBoolean(),
        Number = Number("number"),
        News = [.. element.GetProperty("news").EnumerateArray().Select(static news => new PresenceNews(
            new(news.GetProperty("user").GetString()!, news.TryGetProperty("group", out var group) ? group.GetString() : null), // a missing one fails the test
            news.GetProperty("present").GetBoolean(),
            news.GetProperty("version").GetInt64()))],
    };

    /// <summary>Which sessions join or leave which group.</summary>
    internal SessionGroupChange GroupChange => new(
        this["of"] == "user" ? WebSocketTargetKind.Users : WebSocketTargetKind.Connections,
        this["subject"],
        Optional("group"),
        element.GetProperty("join").GetBoolean(),
        (int)Number("maxGroups"),
        Id("requestId"));

    /// <summary>Which sessions the app ends.</summary>
    internal SessionEnding Ending => new(
        this["of"] switch { "user" => WebSocketTargetKind.Users, "group" => WebSocketTargetKind.Groups, _ => WebSocketTargetKind.All },
        this["subject"],
        (ushort)Number("status"),
        this["reason"]);

    /// <summary>What the record of a session holds.</summary>
    internal SessionCheckpoint Checkpoint => new()
    {
        Owner = this["owner"],
        Position = new(Number("epoch"), Number("offset")),
        Number = Number("number"),
        TokenDigest = SessionId.DigestOf(this["token"]),
        UserId = Optional("user"),
        ConnectedAt = element.GetProperty("connectedAt").GetDateTimeOffset(),
        Groups = List("groups"),
        Properties = element.GetProperty("properties").EnumerateObject().ToDictionary(static property => property.Name, static property => property.Value.GetString()!), // a missing one fails the test
        HandledIds = List("handled"),
        NotUnderstoodAt = Number("notUnderstoodAt"),
    };

    internal RemoteCommandOutcome Outcome => (RemoteCommandOutcome)Array.IndexOf(Outcomes, this["outcome"]);

    /// <summary>The trace context; none if the envelope has none.</summary>
    internal ActivityContext TraceContext => Has("traceContext")
        ? ActivityContext.Parse(Trace.GetProperty("traceparent").GetString()!, Trace.TryGetProperty("tracestate", out var state) ? state.GetString() : null) // a missing one fails the test
        : default;

    /// <summary>The time to live; none if the envelope has none.</summary>
    internal TimeSpan? TimeToLive => Has("timeToLive") ? TimeSpan.FromMilliseconds(Number("timeToLive")) : null;

    /// <summary>What subprotocols are to know of the message; empty if the envelope has none.</summary>
    internal ReadOnlyMemory<byte> Metadata => Has("metadata") ? Encoding.UTF8.GetBytes(this["metadata"]) : default;

    /// <summary>The filter of the recipients; none if the envelope has none.</summary>
    internal string? Filter => Has("filter") ? this["filter"] : null;

    /// <summary>The conflation key; none if the envelope has none.</summary>
    internal string? ConflationKey => Has("conflationKey") ? this["conflationKey"] : null;

    internal EnvelopeExtensions Extensions => new()
    {
        TraceContext = TraceContext,
        Terms = DeliveryTerms.Of(new() { TimeToLive = TimeToLive, ConflationKey = ConflationKey, Metadata = Metadata, Filter = Filter }, AnyFilter.Instance, TimeProvider.System),
        Confirmation = Has("confirmation") ? Id("confirmation") : Guid.Empty,
    };

    private JsonElement Trace => element.GetProperty("traceContext");

    private JsonElement MessageElement => element.TryGetProperty("message", out var message) ? message : element.GetProperty("frame");

    private string Payload => MessageElement.GetProperty("payload").GetString()!; // a missing one fails the test

    internal string this[string field] => element.GetProperty(field).GetString()!; // a missing one fails the test

    /// <summary>A text, or null where the vector says so.</summary>
    internal string? Optional(string field) => element.GetProperty(field).GetString();

    internal bool Has(string field) => element.TryGetProperty(field, out _);

    internal long Number(string field) => element.GetProperty(field).GetInt64();

    internal Guid Id(string field) => element.GetProperty(field) is { ValueKind: JsonValueKind.String } id ? id.GetGuid() : Guid.Empty;

    internal string[] List(string field) => [.. element.GetProperty(field).EnumerateArray().Select(static name => name.GetString()!)]; // a missing one fails the test

    /// <summary>The frame, with the compressed one of the vector: what a compressor makes of a text may differ, and be right.</summary>
    internal SharedFrame Frame()
    {
        var plain = SharedFrame.Encode(Message);
        if (Compressed.Length == 0)
        {
            return plain;
        }

        using (plain)
        {
            byte[] both = [.. plain.Bytes.Span, (byte)(plain.Bytes.Span[0] | 0x40), (byte)Compressed.Length, .. Compressed];
            Assert.True(SharedFrame.TryWrap(both, withDeflated: true, out var frame));
            return frame;
        }
    }
}

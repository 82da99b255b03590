using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace DistributedSockets.WebPubSub;

/// <summary>Reads the bodies of requests.</summary>
internal static class RestBody
{
    /// <summary>The longest body.</summary>
    internal const int MaxBytes = 1_048_576;

    private const int MaxJsonDepth = 512;

    /// <summary>Reads a message to send; JSON as it is written, once it is known to be JSON.</summary>
    /// <exception cref="RestException">It is too long, of another type, or not what its type says.</exception>
    internal static async ValueTask<(WebSocketMessage Message, WebPubSubDataType Type)> ReadMessageAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var type = TypeOf(request);
        var body = await ReadAsync(request, cancellationToken);
        switch (type)
        {
            case WebPubSubDataType.Json:
                CheckJson(body);
                return (new(body, System.Net.WebSockets.WebSocketMessageType.Text), type);
            case WebPubSubDataType.Text:
                return Utf8.IsValid(body) ? (new(body, System.Net.WebSockets.WebSocketMessageType.Text), type) : throw RestException.BadRequest("The text is no valid UTF-8.", "message");
            default:
                return (WebSocketMessage.Binary(body), type);
        }
    }

    /// <summary>Reads the body <c>{"groups":[…],"filter":"…"}</c>.</summary>
    /// <exception cref="RestException">It is another one.</exception>
    internal static async ValueTask<(List<string> Groups, RecipientFilter? Filter)> ReadGroupsAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (TypeOf(request) != WebPubSubDataType.Json)
        {
            throw RestException.UnsupportedMediaType();
        }

        try
        {
            using var json = JsonDocument.Parse(await ReadAsync(request, cancellationToken));
            if (json.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("groups", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0)
            {
                List<string> groups = [.. list.EnumerateArray().Select(static group => RestNames.Group(group.GetString() ?? "", "groups")).Distinct(StringComparer.Ordinal)];
                return (groups, root.TryGetProperty("filter", out var filter) && filter.GetString() is { Length: > 0 } text ? RestNames.ParseFilter(text) : null);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
        }

        throw RestException.BadRequest("""The body is to be {"groups":["…"],"filter":"…"}, with at least one group.""", "body");
    }

    private static WebPubSubDataType TypeOf(HttpRequest request)
    {
        if (string.IsNullOrEmpty(request.ContentType))
        {
            return WebPubSubDataType.Binary;
        }

        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) && !type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase)))
        {
            throw RestException.UnsupportedMediaType();
        }

        return type.MediaType.Value?.ToLowerInvariant() switch
        {
            "application/json" => WebPubSubDataType.Json,
            "text/plain" => WebPubSubDataType.Text,
            "application/octet-stream" => WebPubSubDataType.Binary,
            _ => throw RestException.UnsupportedMediaType(),
        };
    }

    private static void CheckJson(byte[] body)
    {
        try
        {
            if (Utf8.IsValid(body))
            {
                var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxJsonDepth });
                if (reader.Read() && reader.TokenType != JsonTokenType.Null)
                {
                    while (reader.Read())
                    {
                    }

                    return;
                }
            }
        }
        catch (JsonException)
        {
        }

        throw RestException.BadRequest("The body is no JSON value other than null, or is nested too deep.", "message");
    }

    private static async ValueTask<byte[]> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > MaxBytes)
        {
            throw TooLong();
        }

        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            if (read.Buffer.Length > MaxBytes)
            {
                throw TooLong();
            }

            if (read.IsCompleted)
            {
                var body = read.Buffer.ToArray();
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return body;
            }

            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static RestException TooLong() => RestException.BadRequest($"The body has more than {MaxBytes} bytes.", "body");
}

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace DistributedSockets.WebPubSub;

/// <summary>Writes requests to webhooks: CloudEvents 1.0 in binary mode, signed with the access keys.</summary>
internal sealed class WebhookRequests(IOptions<WebPubSubOptions> options, TimeProvider time)
{
    private const string Json = "application/json; charset=utf-8";

    private readonly byte[][] _keys = [.. new[] { options.Value.AccessKey, options.Value.SecondaryAccessKey }.OfType<string>().Select(Encoding.UTF8.GetBytes)];

    /// <summary>The origin of these requests, to which a webhook has to agree: the host by which clients know this app.</summary>
    internal string Origin { get; } = options.Value.PublicOrigins is [var origin, ..] ? new Uri(origin).Authority : "localhost";

    /// <summary>Asks a server whether it wants these requests.</summary>
    internal HttpRequestMessage Preflight(Uri address)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, address);
        request.Headers.TryAddWithoutValidation("WebHook-Request-Origin", Origin);
        request.Headers.TryAddWithoutValidation("ce-awpsversion", "1.0");
        return request;
    }

    /// <summary>Whether a server's answer to <see cref="Preflight"/> names this origin.</summary>
    internal bool IsAllowed(HttpResponseMessage answer) =>
        answer.IsSuccessStatusCode && answer.Headers.TryGetValues("WebHook-Allowed-Origin", out var values)
        && values.SelectMany(static value => value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Any(allowed => allowed == "*" || allowed.Equals(Origin, StringComparison.OrdinalIgnoreCase));

    internal WebhookEvent Connect(in EventClient client, ClientHandshake handshake)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            Write(json, "claims", handshake.Claims.GroupBy(static claim => claim.Key, static claim => claim.Value).Select(static claim => (claim.Key, claim.AsEnumerable())));

            // Without the credential, which is for this app alone.
            Write(json, "query", handshake.HttpContext.Request.Query.Where(static item => item.Key != "access_token").Select(static item => (item.Key, item.Value.OfType<string>())));
            Write(json, "headers", handshake.HttpContext.Request.Headers.Where(static item => item.Key != HeaderNames.Authorization).Select(static item => (item.Key, item.Value.OfType<string>())));
            json.WriteStartArray("subprotocols");
            foreach (var subProtocol in handshake.RequestedSubProtocols)
            {
                json.WriteStringValue(subProtocol);
            }

            json.WriteEndArray();
            json.WriteStartArray("clientCertificates");
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Create(client, "azure.webpubsub.sys.connect", "connect", Json, body.WrittenMemory.ToArray());
    }

    internal WebhookEvent Connected(in EventClient client) => Create(client, "azure.webpubsub.sys.connected", "connected", Json, "{}"u8.ToArray());

    internal WebhookEvent Disconnected(in EventClient client, string reason)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("reason", reason);
            json.WriteEndObject();
        }

        return Create(client, "azure.webpubsub.sys.disconnected", "disconnected", Json, body.WrittenMemory.ToArray());
    }

    internal WebhookEvent UserEvent(in EventClient client, in ClientEvent message) => Create(
        client,
        $"azure.webpubsub.user.{message.Name}",
        message.Name,
        message.DataType switch
        {
            WebPubSubDataType.Text => "text/plain; charset=utf-8",
            WebPubSubDataType.Json => Json,
            _ => "application/octet-stream",
        },
        message.Data.ToArray());

    /// <summary>The signature of a connection id, by each key.</summary>
    internal string Sign(string connectionId)
    {
        var id = Encoding.UTF8.GetBytes(connectionId);
        return string.Join(',', _keys.Select(key => $"sha256={Convert.ToHexStringLower(HMACSHA256.HashData(key, id))}"));
    }

    private static void Write(Utf8JsonWriter json, string name, IEnumerable<(string Name, IEnumerable<string> Values)> items)
    {
        json.WriteStartObject(name);
        foreach (var item in items)
        {
            json.WriteStartArray(item.Name);
            foreach (var value in item.Values)
            {
                json.WriteStringValue(value);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private WebhookEvent Create(in EventClient client, string type, string name, string contentType, byte[] body)
    {
        List<(string Name, string Value)> headers =
        [
            ("ce-specversion", "1.0"),
            ("ce-type", type),
            ("ce-source", $"/hubs/{client.Hub}/client/{client.ConnectionId}"),
            ("ce-id", Guid.NewGuid().ToString("N")),
            ("ce-time", time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", System.Globalization.CultureInfo.InvariantCulture)),
            ("ce-awpsversion", "1.0"),
            ("ce-hub", client.Hub),
            ("ce-connectionId", client.ConnectionId),
            ("ce-eventName", name),
            ("ce-signature", Sign(client.ConnectionId)),
            ("WebHook-Request-Origin", Origin),
        ];
        Add("ce-userId", client.UserId);
        Add("ce-subprotocol", client.SubProtocol);
        Add("ce-connectionState", client.State is { } state ? Convert.ToBase64String(Encoding.UTF8.GetBytes(state)) : null);
        return new(client.Hub, name, client.ConnectionId, headers, contentType, body);

        void Add(string header, string? value)
        {
            if (value is not null)
            {
                headers.Add((header, value.Any(char.IsControl) ? Uri.EscapeDataString(value) : value)); // no user id may begin a header of its own
            }
        }
    }
}

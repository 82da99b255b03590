using System.Net;
using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>What a webhook has answered.</summary>
/// <param name="Status">The status.</param>
/// <param name="MediaType">The type of the body, without its parameters; null if it has not said.</param>
/// <param name="Body">The body.</param>
/// <param name="State">The state to keep with the connection from now on: a JSON object; null for the one that is there.</param>
internal sealed record WebhookAnswer(HttpStatusCode Status, string? MediaType, byte[] Body, string? State)
{
    internal bool IsSuccess => (int)Status is >= 200 and < 300;

    internal static async Task<WebhookAnswer> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken) => new(
        response.StatusCode,
        response.Content.Headers.ContentType?.MediaType,
        await response.Content.ReadAsByteArrayAsync(cancellationToken),
        response.Headers.TryGetValues("ce-connectionState", out var states) ? ReadState(states.Last()) : null);

    /// <summary>The answer to an event of a client, if the webhook has one. A body without a byte is none, unless it is said to be text.</summary>
    internal ClientReply? Reply() => MediaType switch
    {
        _ when Status == HttpStatusCode.NoContent => null,
        "text/plain" => new(WebPubSubDataType.Text, Body),
        _ when Body.Length == 0 => null,
        "application/json" => new(WebPubSubDataType.Json, Body),
        _ => new(WebPubSubDataType.Binary, Body),
    };

    /// <summary>The body as the words of a refusal.</summary>
    internal string Words(string otherwise) => Body.Length is > 0 and <= 1024 && Encoding.UTF8.GetString(Body) is var text && !string.IsNullOrWhiteSpace(text) ? text : otherwise;

    private static string? ReadState(string header)
    {
        try
        {
            return ClientState.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(header)))?.ToJsonString();
        }
        catch (FormatException)
        {
            return null; // written by somebody who keeps no state here
        }
    }
}

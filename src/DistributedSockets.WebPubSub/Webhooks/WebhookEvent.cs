using System.Net.Http.Headers;

namespace DistributedSockets.WebPubSub;

/// <summary>An event on its way to a webhook; a repeat is the same event.</summary>
internal sealed record WebhookEvent(
    string Hub, string Name, string ConnectionId, IReadOnlyList<(string Name, string Value)> Headers, string ContentType, byte[] Body)
{
    internal HttpRequestMessage ToRequest(Uri address)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(Body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(ContentType);
        foreach (var (name, value) in Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }
}

using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>Sends events to webhooks that have agreed to get them, and tries again where that can do no harm.</summary>
internal sealed class WebhookClient(IHttpClientFactory clients, WebhookRequests requests, IOptions<WebPubSubOptions> options, TimeProvider time)
{
    /// <summary>The name of the HTTP client, for apps that configure it.</summary>
    internal const string Name = "DistributedSockets.WebPubSub.Webhooks";

    private const int MaxAttempts = 3;

    /// <summary>For how long an agreement holds.</summary>
    private static readonly TimeSpan s_agreement = TimeSpan.FromHours(1);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<Uri, DateTimeOffset> _agreed = new(); // one for each hub and webhook at most

    /// <summary>Sends an event; all attempts together take no longer than a handler may.</summary>
    /// <param name="webhook">The webhook.</param>
    /// <param name="sent">The event.</param>
    /// <param name="isRepeatable">Whether it may arrive twice, as an event that nobody waits for. Another is repeated only if it cannot have arrived.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="HttpRequestException">It could not be sent, or the webhook does not want it.</exception>
    /// <exception cref="OperationCanceledException">The time is over.</exception>
    internal async Task<WebhookAnswer> SendAsync(WebPubSubWebhook webhook, WebhookEvent sent, bool isRepeatable, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(options.Value.HandlerTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var client = clients.CreateClient(Name);
                await AgreeAsync(client, webhook.Address(sent.Hub, "validate"), linked.Token);
                using var request = sent.ToRequest(webhook.Address(sent.Hub, sent.Name));
                using var response = await client.SendAsync(request, linked.Token);
                if (attempt == MaxAttempts || !(isRepeatable ? (int)response.StatusCode >= 500 : response.StatusCode == HttpStatusCode.ServiceUnavailable))
                {
                    return await WebhookAnswer.ReadAsync(response, linked.Token);
                }
            }
            catch (HttpRequestException exception) when (attempt < MaxAttempts && (isRepeatable || exception.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError))
            {
                // Nobody has got it.
            }

            await Task.Delay(s_pause * attempt, time, linked.Token);
        }
    }

    /// <summary>Asks the server once in a while whether it wants events: nobody is to be sent any by a mistaken address.</summary>
    private async ValueTask AgreeAsync(HttpClient client, Uri address, CancellationToken cancellationToken)
    {
        if (_agreed.TryGetValue(address, out var until) && time.GetUtcNow() < until)
        {
            return;
        }

        using var request = requests.Preflight(address);
        using var answer = await client.SendAsync(request, cancellationToken);
        if (!requests.IsAllowed(answer))
        {
            throw new HttpRequestException(
                HttpRequestError.InvalidResponse,
                $"The webhook did not agree to get events: it answered OPTIONS with {(int)answer.StatusCode} and no WebHook-Allowed-Origin that names '{requests.Origin}' or '*'.",
                statusCode: HttpStatusCode.Forbidden);
        }

        _agreed[address] = time.GetUtcNow() + s_agreement;
    }
}

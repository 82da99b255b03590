using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>Tells webhooks what clients do, and brings their answers back.</summary>
internal sealed partial class WebhookSender(
    IOptions<WebPubSubOptions> options, WebhookRequests requests, WebhookClient client, WebhookQueue queue, ILogger<WebhookSender> logger)
{
    private readonly WebPubSubWebhook[] _webhooks = [.. options.Value.Webhooks];

    /// <summary>Asks the first webhook that wants to know, and lets it change or refuse the handshake.</summary>
    internal async ValueTask ConnectAsync(ClientHandshake handshake, CancellationToken cancellationToken)
    {
        if (System(handshake.Hub, "connect") is not { } webhook)
        {
            return;
        }

        var about = new EventClient(handshake.Hub, handshake.ConnectionId, handshake.UserId, handshake.SubProtocol, ClientState.Read(handshake.Properties));
        WebhookAnswer answer;
        try
        {
            answer = await client.SendAsync(webhook, requests.Connect(about, handshake), isRepeatable: false, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.Failed(logger, "connect", handshake.Hub, handshake.ConnectionId, exception);
            handshake.Refuse(StatusCodes.Status500InternalServerError, "The app could not be asked about this connection. Connect again later.");
            return;
        }

        if (!answer.IsSuccess)
        {
            var status = (int)answer.Status is >= 400 and < 500 ? (int)answer.Status : StatusCodes.Status500InternalServerError;
            handshake.Refuse(status, answer.Words("The app refuses this connection."));
            return;
        }

        try
        {
            if (answer.State is { } state)
            {
                ClientState.Write(handshake.Properties, state);
            }

            if (answer.Body.Length > 0)
            {
                Apply(answer.Body, handshake);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            Log.Failed(logger, "connect", handshake.Hub, handshake.ConnectionId, exception);
            handshake.Refuse(StatusCodes.Status500InternalServerError, "The app's answer about this connection cannot be used.");
        }
    }

    internal void Connected(in EventClient about)
    {
        if (System(about.Hub, "connected") is { } webhook)
        {
            queue.Add(webhook, requests.Connected(about));
        }
    }

    internal void Disconnected(in EventClient about, string reason)
    {
        if (System(about.Hub, "disconnected") is { } webhook)
        {
            queue.Add(webhook, requests.Disconnected(about, reason));
        }
    }

    /// <summary>Has the first webhook that wants it handle an event.</summary>
    /// <returns>The reply and the state to keep, each if there is one; null if no webhook wants the event.</returns>
    /// <exception cref="EventFailedException">The webhook failed, or could not be reached.</exception>
    internal async ValueTask<HookedEvent?> EventAsync(EventClient about, ClientEvent message, CancellationToken cancellationToken)
    {
        if (Array.Find(_webhooks, webhook => webhook.Serves(about.Hub) && webhook.HasUserEvent(message.Name)) is not { } webhook)
        {
            return null;
        }

        WebhookAnswer answer;
        try
        {
            answer = await client.SendAsync(webhook, requests.UserEvent(about, message), isRepeatable: false, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.Failed(logger, message.Name, about.Hub, about.ConnectionId, exception);
            throw new EventFailedException("InternalServerError", "The handler of the event could not be reached.");
        }

        return answer.IsSuccess
            ? new(answer.Reply(), answer.State)
            : throw new EventFailedException("InternalServerError", answer.Words($"The handler of the event answered {(int)answer.Status}."));
    }

    private WebPubSubWebhook? System(string hub, string name) => Array.Find(_webhooks, webhook => webhook.Serves(hub) && webhook.HasSystemEvent(name));

    private static void Apply(byte[] body, ClientHandshake handshake)
    {
        using var json = JsonDocument.Parse(body);
        if (json.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("The answer to connect is no JSON object.");
        }

        if (Value("userId") is { } userId && userId.GetString() is { Length: > 0 } user)
        {
            handshake.UserId = user;
        }

        if (Value("subprotocol") is { } subProtocol && subProtocol.GetString() is { Length: > 0 } name)
        {
            handshake.SubProtocol = name;
        }

        foreach (var group in Texts("groups"))
        {
            handshake.Groups.Add(group);
        }

        handshake.Roles.AddRange(Texts("roles"));

        JsonElement? Value(string property) => json.RootElement.TryGetProperty(property, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

        IEnumerable<string> Texts(string property) => Value(property)?.EnumerateArray().Select(static item => item.GetString()).OfType<string>() ?? [];
    }

    private static partial class Log
    {
        [LoggerMessage(453, LogLevel.Error, "A webhook failed for the event {Event} of hub {Hub} and connection {ConnectionId}.")]
        public static partial void Failed(ILogger logger, string @event, string hub, string connectionId, Exception exception);
    }
}

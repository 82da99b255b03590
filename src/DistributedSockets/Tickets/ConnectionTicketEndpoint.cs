using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Gives out tickets to whoever asks and has signed in.</summary>
internal sealed class ConnectionTicketEndpoint(ConnectionTickets tickets, ConnectionTicketHandler.RareLogs logs, TimeSpan lifetime)
{
    private const string RetryAfterSeconds = "1";

    internal async Task InvokeAsync(HttpContext context)
    {
        string ticket;
        try
        {
            var expires = context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc;
            ticket = await tickets.IssueAsync(context.User, expires, lifetime, context.RequestAborted);
        }
        catch (SessionStoreUnavailableException exception)
        {
            logs.StoreAway(exception);
            SetUnavailable(context.Response);
            return;
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("ticket", ticket);
        json.WriteNumber("expiresIn", (long)lifetime.TotalSeconds);
        json.WriteEndObject();
    }

    internal static void SetUnavailable(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        response.Headers.RetryAfter = RetryAfterSeconds;
    }
}

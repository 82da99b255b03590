using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.WebPubSub;

/// <summary>The endpoints by which clients connect: checks hub and token, then hands the handshake to the endpoint of the hub.</summary>
internal sealed partial class ClientEndpoints(WebPubSubOptions options, AccessTokenReader tokens, HubPipelines hubs, ILogger<ClientEndpoints> logger)
{
    private const string HubKey = "hub";
    private const string TokenKey = "access_token";
    private const string Bearer = "Bearer ";

    private static readonly string[] s_methods = [HttpMethods.Get, HttpMethods.Connect]; // HTTP/1.1 upgrade, and HTTP/2 (RFC 8441)

    internal static void Map(IEndpointRouteBuilder endpoints, WebPubSubOptions options, ICollection<IEndpointConventionBuilder> conventions)
    {
        var services = endpoints.ServiceProvider;
        var hubs = new HubPipelines(endpoints, options.Hubs);
        var clients = new ClientEndpoints(
            options, services.GetRequiredService<AccessTokenReader>(), hubs, services.GetRequiredService<ILoggerFactory>().CreateLogger<ClientEndpoints>());
        object[] metadata = [.. hubs.Metadata];
        conventions.Add(endpoints.MapMethods("/client/hubs/{hub}", s_methods, clients.OfPathAsync).WithDisplayName("Web PubSub clients").WithMetadata(metadata));
        conventions.Add(endpoints.MapMethods("/client", s_methods, clients.OfQueryAsync).WithDisplayName("Web PubSub clients (?hub=)").WithMetadata(metadata));
    }

    private Task OfPathAsync(HttpContext context) => ConnectAsync(context, context.Request.RouteValues[HubKey] as string ?? "");

    private Task OfQueryAsync(HttpContext context) => ConnectAsync(context, context.Request.Query[HubKey].ToString());

    private async Task ConnectAsync(HttpContext context, string hub)
    {
        if (!WebPubSubHub.IsValid(hub))
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, "This is no name of a hub: a letter, and up to 127 letters, digits or signs of _`,.[] behind it.");
            return;
        }

        hub = WebPubSubHub.Fold(hub);
        if (hubs.Find(hub) is not { } pipeline)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "This hub is not served here. Name it in WebPubSubOptions.Hubs if it should be.");
            return;
        }

        // Who comes back to a session shows its reconnection token; the other one may have run out.
        if (!RecoveryQuery.IsIn(context.Request.Query) && !await AuthenticateAsync(context, hub))
        {
            await RefuseAsync(
                context, StatusCodes.Status401Unauthorized, "The access token is missing, has run out, is signed with another key, or is for another address or hub.");
            return;
        }

        await pipeline(context);
    }

    private async ValueTask<bool> AuthenticateAsync(HttpContext context, string hub)
    {
        var text = context.Request.Query[TokenKey].ToString();
        if (text.Length == 0 && context.Request.Headers.Authorization.ToString() is var header && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            text = header[Bearer.Length..].Trim();
        }

        AccessToken? token = null;
        if (text.Length > 0)
        {
            token = await tokens.ReadAsync(text);
            if (token is null || !Audience.IsOfClient(token.Audiences, hub, context.Request, options))
            {
                return false;
            }
        }
        else if (!options.AllowAnonymousClients)
        {
            return false;
        }

        context.Features.Set(new ClientIdentity(token));
        return true;
    }

    private Task RefuseAsync(HttpContext context, int status, string reason)
    {
        Log.Refused(logger, status, reason);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(reason, context.RequestAborted);
    }

    private static partial class Log
    {
        [LoggerMessage(400, LogLevel.Debug, "A Web PubSub client was refused with {Status}: {Reason}")]
        public static partial void Refused(ILogger logger, int status, string reason);
    }
}

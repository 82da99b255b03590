using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>The REST interface, by which servers reach clients. Any process of the cluster answers for all nodes.</summary>
internal sealed class RestEndpoints(
    AccessTokenReader tokens, IWebSocketRouterFactory routers, ISessionDirectory directory, IOptions<WebPubSubOptions> options, TimeProvider time)
{
    private const string Prefix = "/api";

    internal void Map(IEndpointRouteBuilder endpoints, ICollection<IEndpointConventionBuilder> conventions)
    {
        conventions.Add(endpoints.MapMethods($"{Prefix}/health", [HttpMethods.Head, HttpMethods.Get], static context =>
        {
            context.Response.StatusCode = 200;
            return Task.CompletedTask;
        }));
        conventions.Add(endpoints.Map($"{Prefix}/hubs/{{**rest}}", HandleAsync));
    }

    private async Task HandleAsync(HttpContext context)
    {
        try
        {
            var target = RawTarget.Of(context);
            var origin = await RestAuthorization.AuthorizeAsync(context, target, tokens, options.Value);
            var segments = target.SegmentsBehind(context.Request.PathBase.ToUriComponent() + Prefix);
            var hub = HubOf(segments is ["hubs", var name, ..] ? name : "");
            var call = new RestCall(context, target, origin, hub, routers.GetRouter(hub), directory);
            await DispatchAsync(call, context.Request.Method, segments[2..]);
        }
        catch (RestException exception)
        {
            await RefuseAsync(context, exception);
        }
        catch (Exception exception) when (exception is BackplaneUnavailableException or BackplaneRefusedException or MessageLogUnavailableException
            or SessionStoreUnavailableException or RemoteCommandTimeoutException)
        {
            context.Response.Headers.RetryAfter = "1";
            await RefuseAsync(context, RestException.Unavailable());
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody waits for the answer.
        }
        catch (BadHttpRequestException)
        {
            await RefuseAsync(context, RestException.BadRequest("The body could not be read: it is too long, or does not end as it should.", "body"));
        }
    }

    private Task DispatchAsync(RestCall call, string method, string[] path) => (method, path) switch
    {
        ("POST", [":send"]) => RestSends.SendAsync(call, WebSocketTarget.All),
        ("POST", ["groups", var group, ":send"]) => RestSends.SendAsync(call, WebSocketTarget.Group(RestNames.Group(group)), group),
        ("POST", ["users", var user, ":send"]) => RestSends.SendAsync(call, WebSocketTarget.User(RestNames.User(user))),
        ("POST", ["connections", var connection, ":send"]) => SendToConnectionAsync(call, connection),

        ("HEAD", ["connections", var connection]) => RestConnections.FindConnectionAsync(call, connection),
        ("HEAD", ["users", var user]) => RestConnections.FindAnyAsync(call, SessionQuery.ForUser(call.Hub, RestNames.User(user))),
        ("HEAD", ["groups", var group]) => RestConnections.FindAnyAsync(call, SessionQuery.ForGroup(call.Hub, RestNames.Group(group))),

        ("DELETE", ["connections", var connection]) => RestConnections.CloseAsync(call, connection),
        ("POST", [":closeConnections"]) => RestConnections.CloseAllAsync(call, SessionQuery.ForHub(call.Hub)),
        ("POST", ["groups", var group, ":closeConnections"]) => RestConnections.CloseAllAsync(call, SessionQuery.ForGroup(call.Hub, RestNames.Group(group))),
        ("POST", ["users", var user, ":closeConnections"]) => RestConnections.CloseAllAsync(call, SessionQuery.ForUser(call.Hub, RestNames.User(user))),

        ("PUT", ["groups", var group, "connections", var connection]) => RestGroups.AddAsync(call, RestNames.Group(group), connection),
        ("DELETE", ["groups", var group, "connections", var connection]) => RestGroups.RemoveAsync(call, RestNames.Group(group), connection),
        ("PUT", ["users", var user, "groups", var group]) => RestGroups.AddUserAsync(call, RestNames.User(user), RestNames.Group(group)),
        ("DELETE", ["users", var user, "groups", var group]) => RestGroups.RemoveUserAsync(call, RestNames.User(user), RestNames.Group(group)),
        ("DELETE", ["users", var user, "groups"]) => RestGroups.RemoveUserFromAllAsync(call, RestNames.User(user)),
        ("DELETE", ["connections", var connection, "groups"]) => RestGroups.RemoveFromAllAsync(call, connection),
        ("POST", [":addToGroups"]) => RestGroups.ChangeManyAsync(call, isJoin: true),
        ("POST", [":removeFromGroups"]) => RestGroups.ChangeManyAsync(call, isJoin: false),
        ("GET", ["groups", var group, "connections"]) => RestGroups.ListAsync(call, RestNames.Group(group)),

        ("PUT", ["permissions", var permission, "connections", var connection]) => RestPermissions.ChangeAsync(call, RestPermissions.Parse(permission), connection, isGrant: true),
        ("DELETE", ["permissions", var permission, "connections", var connection]) => RestPermissions.ChangeAsync(call, RestPermissions.Parse(permission), connection, isGrant: false),
        ("HEAD", ["permissions", var permission, "connections", var connection]) => RestPermissions.FindAsync(call, RestPermissions.Parse(permission), connection),

        ("POST", [":generateToken"]) => RestTokens.GenerateAsync(call, options.Value, time),
        _ => throw RestException.NotFound("There is no such operation."),
    };

    private static async Task SendToConnectionAsync(RestCall call, string connectionId)
    {
        // Whoever cannot be there gets nothing, and what is wrong with the request is said all the same.
        await RestSends.SendAsync(call, WebSocketTarget.Connection(RestNames.CanBeConnection(connectionId) ? connectionId : "-"));
    }

    private string HubOf(string name)
    {
        if (!WebPubSubHub.IsValid(name))
        {
            throw RestException.BadRequest("The name of a hub has 1 to 128 letters, digits and _ ` , . [ ], and begins with a letter.", "hub");
        }

        return options.Value.Hubs.Any(hub => hub.Equals(name, StringComparison.OrdinalIgnoreCase))
            ? WebPubSubHub.Fold(name)
            : throw RestException.NotFound("This server has no such hub. Name it in WebPubSubOptions.Hubs.", "hub");
    }

    private static async Task RefuseAsync(HttpContext context, RestException refusal)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = refusal.Status;
        context.Response.Headers["x-ms-error-code"] = refusal.Code;
        if (refusal.Status == 401)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        context.Response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("code", refusal.Code);
        json.WriteString("message", refusal.Message);
        if (refusal.Target is { } parameter)
        {
            json.WriteString("target", parameter);
        }

        json.WriteEndObject();
    }
}

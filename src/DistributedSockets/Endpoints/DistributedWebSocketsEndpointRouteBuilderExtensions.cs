using System.Diagnostics.CodeAnalysis;
using DistributedSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps WebSocket endpoints.</summary>
public static class DistributedWebSocketsEndpointRouteBuilderExtensions
{
    private static readonly string[] s_methods = [HttpMethods.Get, HttpMethods.Connect]; // HTTP/1.1 upgrade, and HTTP/2 (RFC 8441)

    /// <summary>Maps an endpoint whose connections are handled by <typeparamref name="THandler"/> and belong to its hub.</summary>
    /// <remarks>Attributes of the handler, such as <c>[Authorize]</c>, apply to the endpoint.</remarks>
    /// <typeparam name="THandler">The handler, one per connection. Its hub is named as <see cref="IWebSocketRouter{THandler}"/> says.</typeparam>
    /// <param name="endpoints">The route builder.</param>
    /// <param name="pattern">The route pattern. Several endpoints may serve one hub.</param>
    /// <param name="configure">Changes for this endpoint what the hub says of handshakes; its lists hold what the hub has.</param>
    /// <returns>A builder for conventions such as <c>RequireAuthorization</c>. The app need not call <c>UseWebSockets</c>.</returns>
    /// <exception cref="InvalidOperationException">The services are missing, or another handler has the same hub.</exception>
    /// <exception cref="OptionsValidationException">The options of the hub or of the endpoint cannot be used.</exception>
    public static IEndpointConventionBuilder MapDistributedWebSocket<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern, Action<HandshakeOptions>? configure = null)
        where THandler : WebSocketHandler
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var hub = Service<HubNames>(endpoints).Of(typeof(THandler));
        return Map(endpoints, pattern, hub, new HandlerActivator<THandler>(), configure).WithMetadata(typeof(THandler).GetCustomAttributes(inherit: true));
    }

    /// <summary>Maps an endpoint whose connections are handled by <typeparamref name="THandler"/> and belong to a hub that is named here.</summary>
    /// <remarks>Attributes of the handler, such as <c>[Authorize]</c>, apply to the endpoint. So one handler can serve several hubs.</remarks>
    /// <typeparam name="THandler">The handler, one per connection.</typeparam>
    /// <param name="endpoints">The route builder.</param>
    /// <param name="pattern">The route pattern. Several endpoints may serve one hub.</param>
    /// <param name="hub">The hub of the connections: 1 to 64 lower-case letters, digits, dots, hyphens or underscores.</param>
    /// <param name="configure">Changes for this endpoint what the hub says of handshakes; its lists hold what the hub has.</param>
    /// <returns>A builder for conventions such as <c>RequireAuthorization</c>. The app need not call <c>UseWebSockets</c>.</returns>
    /// <exception cref="ArgumentException">The hub's name has another form.</exception>
    /// <exception cref="InvalidOperationException">The services are missing, or another handler has the same hub.</exception>
    /// <exception cref="OptionsValidationException">The options of the hub or of the endpoint cannot be used.</exception>
    public static IEndpointConventionBuilder MapDistributedWebSocket<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern, string hub, Action<HandshakeOptions>? configure = null)
        where THandler : WebSocketHandler
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        HubName.Check(hub);
        return Map(endpoints, pattern, hub, new HandlerActivator<THandler>(), configure).WithMetadata(typeof(THandler).GetCustomAttributes(inherit: true));
    }

    /// <summary>Maps an endpoint whose messages are handled by a function.</summary>
    /// <remarks>Attributes of the function, such as <c>[Authorize]</c>, apply to the endpoint.</remarks>
    /// <param name="endpoints">The route builder.</param>
    /// <param name="pattern">The route pattern.</param>
    /// <param name="onMessage">Takes a message; the next one of the connection is read when it has completed. The router is that of the hub.</param>
    /// <param name="hub">
    /// The hub of the connections: 1 to 64 lower-case letters, digits, dots, hyphens or underscores. Endpoints with the same hub share it.
    /// </param>
    /// <param name="configure">Changes for this endpoint what the hub says of handshakes; its lists hold what the hub has.</param>
    /// <returns>A builder for conventions such as <c>RequireAuthorization</c>. The app need not call <c>UseWebSockets</c>.</returns>
    /// <exception cref="ArgumentException">The hub's name has another form.</exception>
    /// <exception cref="InvalidOperationException">The services are missing, or a handler has the same hub.</exception>
    /// <exception cref="OptionsValidationException">The options of the hub or of the endpoint cannot be used.</exception>
    public static IEndpointConventionBuilder MapDistributedWebSocket(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        Func<WebSocketConnection, WebSocketMessage, IWebSocketRouter, CancellationToken, ValueTask> onMessage,
        string hub = HubName.Default,
        Action<HandshakeOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(onMessage);
        HubName.Check(hub);
        var router = Service<IWebSocketRouterFactory>(endpoints).GetRouter(hub);
        return Map(endpoints, pattern, hub, new LambdaHandlerActivator(onMessage, router), configure).WithMetadata(onMessage.Method.GetCustomAttributes(inherit: true));
    }

    private static IEndpointConventionBuilder Map(
        IEndpointRouteBuilder endpoints, string pattern, string name, HandlerActivator activator, Action<HandshakeOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        var hubs = Service<Hubs>(endpoints);
        hubs.Claim(name, activator.HandlerType);
        var hub = hubs.Get(name);
        hub.IsServed = true;
        var services = Service<ConnectionServices>(endpoints).For(hub);
        var subscriptions = Service<ChannelSubscriptions>(endpoints);
        var endpoint = new ConnectionEndpoint(
            hub,
            new ConnectionLife(hub, activator, services, subscriptions, Service<IServiceScopeFactory>(endpoints), Service<ResumableSessions>(endpoints)),
            services,
            subscriptions,
            Service<GroupMemberships>(endpoints),
            Service<HubLogs>(endpoints),
            Service<ResumableSessions>(endpoints),
            Service<SessionHandOver>(endpoints),
            Service<ResumeAdmission>(endpoints),
            Service<Admission>(endpoints),
            Handshake(pattern, hub, configure),
            Service<IUserIdProvider>(endpoints));
        var pipeline = endpoints.CreateApplicationBuilder();
        pipeline.Use(endpoint.TapAsync);

        // We ping ourselves: the platform counts the time that a handler takes against the client.
        pipeline.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
        pipeline.Run(endpoint.InvokeAsync);
        return endpoints.MapMethods(pattern, s_methods, pipeline.Build())
            .WithDisplayName($"WebSocket {pattern} (hub {name})")
            .WithMetadata(HandshakeMetadata.Instance, new DisableRequestTimeoutAttribute())
            .CacheOutput(static policy => policy.NoCache()); // a cache lets only one request to a path through at a time
    }

    /// <summary>What the hub says of handshakes, as the endpoint changes it.</summary>
    private static HandshakeOptions Handshake(string pattern, HubConnections hub, Action<HandshakeOptions>? configure)
    {
        var options = new HandshakeOptions();
        options.InheritFrom(hub.Options);
        configure?.Invoke(options);
        var errors = new ValidateOptionsResultBuilder();
        HandshakeOptionsRules.Check(options, errors);
        return errors.Build() is { Failed: true } result
            ? throw new OptionsValidationException(pattern, typeof(HandshakeOptions), result.Failures.Select(failure => $"Endpoint '{pattern}': {failure}"))
            : options;
    }

    private static T Service<T>(IEndpointRouteBuilder endpoints)
        where T : notnull =>
        endpoints.ServiceProvider.GetService<T>() ?? throw new InvalidOperationException(
            "MapDistributedWebSocket needs its services. Call builder.Services.AddDistributedWebSockets() before builder.Build().");
}

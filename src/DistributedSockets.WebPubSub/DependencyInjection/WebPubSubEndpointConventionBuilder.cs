using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>The endpoints of Web PubSub, for the app's event handlers and for conventions.</summary>
public sealed partial class WebPubSubEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly IReadOnlyList<IEndpointConventionBuilder> _endpoints;

    internal WebPubSubEndpointConventionBuilder(IServiceProvider services, IReadOnlyList<IEndpointConventionBuilder> endpoints) =>
        (Services, _endpoints) = (services, endpoints);

    /// <summary>The app's services.</summary>
    internal IServiceProvider Services { get; }

    private EventMap Map => Services.GetRequiredService<EventMap>();

    /// <summary>Has events of clients handled by a method.</summary>
    /// <param name="name">The name of the event: a letter, then up to 127 letters, digits, <c>_</c>, <c>.</c> or <c>-</c>, compared ordinally. Simple clients send <c>message</c>.</param>
    /// <param name="handler">The method; called in a service scope of its own. An exception is logged, and the client is told that the event failed.</param>
    /// <param name="hub">The hub; <see langword="null"/> for all hubs.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The name has another form, or the hub is not served.</exception>
    /// <exception cref="InvalidOperationException">The event has a handler already.</exception>
    public WebPubSubEndpointConventionBuilder OnEvent(string name, Func<WebPubSubEventContext, CancellationToken, ValueTask> handler, string? hub = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(handler);
        if (!EventName().IsMatch(name))
        {
            throw new ArgumentException($"'{name}' is no name of an event. Use a letter, then up to 127 letters, digits, '_', '.' or '-'.", nameof(name));
        }

        Map.Add(hub is null ? null : Served(hub), name, handler);
        return this;
    }

    /// <summary>Has events of clients, whose data is one JSON value, handled by a method.</summary>
    /// <typeparam name="TMessage">What the data is read as. A client whose data is something else is told so, as <c>BadRequest</c>.</typeparam>
    /// <param name="name">The name of the event.</param>
    /// <param name="handler">The method; called in a service scope of its own.</param>
    /// <param name="hub">The hub; <see langword="null"/> for all hubs.</param>
    /// <param name="jsonTypeInfo">How to read the data; <see langword="null"/> for what the app's settings (<c>ConfigureJson</c>) know of <typeparamref name="TMessage"/>.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The name has another form, or the hub is not served.</exception>
    /// <exception cref="InvalidOperationException">The event has a handler already.</exception>
    public WebPubSubEndpointConventionBuilder OnEvent<TMessage>(
        string name, Func<TMessage, WebPubSubEventContext, CancellationToken, ValueTask> handler, string? hub = null, JsonTypeInfo<TMessage>? jsonTypeInfo = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return OnEvent(name, (context, token) => handler(Read(context, jsonTypeInfo), context, token), hub);
    }

    /// <summary>Has events of clients, whose data is one JSON value, handled by a method whose result is the reply, written as JSON.</summary>
    /// <typeparam name="TMessage">What the data is read as. A client whose data is something else is told so, as <c>BadRequest</c>.</typeparam>
    /// <typeparam name="TReply">The reply.</typeparam>
    /// <param name="name">The name of the event.</param>
    /// <param name="handler">The method; called in a service scope of its own.</param>
    /// <param name="hub">The hub; <see langword="null"/> for all hubs.</param>
    /// <param name="jsonTypeInfo">How to read the data; <see langword="null"/> for what the app's settings (<c>ConfigureJson</c>) know of <typeparamref name="TMessage"/>.</param>
    /// <param name="replyTypeInfo">How to write the reply; <see langword="null"/> for what the app's settings know of <typeparamref name="TReply"/>.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The name has another form, or the hub is not served.</exception>
    /// <exception cref="InvalidOperationException">The event has a handler already.</exception>
    public WebPubSubEndpointConventionBuilder OnEvent<TMessage, TReply>(
        string name,
        Func<TMessage, WebPubSubEventContext, CancellationToken, ValueTask<TReply>> handler,
        string? hub = null,
        JsonTypeInfo<TMessage>? jsonTypeInfo = null,
        JsonTypeInfo<TReply>? replyTypeInfo = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return OnEvent(name, async (context, token) => context.ReplyJson(await handler(Read(context, jsonTypeInfo), context, token), replyTypeInfo), hub);
    }

    /// <summary>Has what the clients of a hub do handled by a class, of which each call gets an instance in a service scope of its own.</summary>
    /// <typeparam name="THandler">The class.</typeparam>
    /// <param name="hub">The hub.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The hub is not served.</exception>
    /// <exception cref="InvalidOperationException">The hub has a handler already.</exception>
    public WebPubSubEndpointConventionBuilder UseHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(string hub)
        where THandler : WebPubSubEventHandler
    {
        ArgumentNullException.ThrowIfNull(hub);
        var create = ActivatorUtilities.CreateFactory<THandler>([]);
        Map.Add(Served(hub), services => create(services, null));
        return this;
    }

    /// <inheritdoc/>
    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Add(convention);
        }
    }

    /// <inheritdoc/>
    public void Finally(Action<EndpointBuilder> finallyConvention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Finally(finallyConvention);
        }
    }

    private static TMessage Read<TMessage>(WebPubSubEventContext context, JsonTypeInfo<TMessage>? jsonTypeInfo)
    {
        try
        {
            return context.Data.ReadJson(jsonTypeInfo) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new EventFailedException("BadRequest", $"The data of the event '{context.Name}' is not the JSON that its handler reads.");
        }
    }

    private string Served(string hub) =>
        Services.GetRequiredService<IOptions<WebPubSubOptions>>().Value.Hubs.Contains(hub, StringComparer.OrdinalIgnoreCase)
            ? WebPubSubHub.Fold(hub)
            : throw new ArgumentException($"The hub '{hub}' is not served. Add it to WebPubSubOptions.Hubs.", nameof(hub));

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_.-]{0,127}\z")]
    private static partial Regex EventName();
}

using DistributedSockets;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Sets the options of single hubs.</summary>
public static class DistributedWebSocketsHubExtensions
{
    /// <summary>Sets the options of a handler's hub in this process. Later calls add to earlier ones.</summary>
    /// <typeparam name="THandler">The handler, or the type that names the hub for <see cref="IWebSocketRouter{THandler}"/>.</typeparam>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">
    /// Changes what the hub has by the section <c>DistributedWebSockets:Hubs:{hub}</c>, and else by the options for all hubs; <see langword="null"/> only
    /// has them checked at start.
    /// </param>
    /// <remarks>
    /// A hub needs no call: without one it has the options for all hubs, and those of its section. The options are checked when the host starts.
    /// </remarks>
    /// <exception cref="ArgumentException">The hub would have a name of another form.</exception>
    public static IDistributedWebSocketsBuilder AddHub<THandler>(this IDistributedWebSocketsBuilder builder, Action<HubOptions>? configure = null)
        where THandler : class =>
        Add(builder, new(HubName.Of(typeof(THandler)), typeof(THandler)), configure);

    /// <summary>Sets the options of a hub in this process. Later calls add to earlier ones.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="hub">The hub's name: 1 to 64 lower-case letters, digits, dots, hyphens or underscores.</param>
    /// <param name="configure">
    /// Changes what the hub has by the section <c>DistributedWebSockets:Hubs:{hub}</c>, and else by the options for all hubs; <see langword="null"/> only
    /// has them checked at start.
    /// </param>
    /// <exception cref="ArgumentException">The name has another form.</exception>
    public static IDistributedWebSocketsBuilder AddHub(this IDistributedWebSocketsBuilder builder, string hub, Action<HubOptions>? configure = null)
    {
        HubName.Check(hub);
        return Add(builder, new(hub, null), configure);
    }

    private static IDistributedWebSocketsBuilder Add(IDistributedWebSocketsBuilder builder, HubRegistration registration, Action<HubOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (!builder.Services.Any(service => registration.Equals(service.ImplementationInstance)))
        {
            builder.Services.AddSingleton(registration);
        }

        if (configure is not null)
        {
            builder.Services.Configure(registration.Hub, configure);
        }

        return builder;
    }
}

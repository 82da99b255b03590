using System.Diagnostics.CodeAnalysis;
using DistributedSockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Chooses backplane, message log, session store, observers and the cluster's common settings.</summary>
public static class DistributedWebSocketsBuilderExtensions
{
    /// <summary>Sets what every node and worker of a cluster must agree on. Later calls add to earlier ones.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options.</param>
    public static IDistributedWebSocketsBuilder ConfigureCluster(
        this IDistributedWebSocketsBuilder builder, Action<DistributedWebSocketsClusterOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.Configure(configure);
        return builder;
    }

    /// <summary>Sets options as a section of the app's configuration says, where the app has one. Code wins over it, whatever the order of calls.</summary>
    /// <typeparam name="TOptions">The options.</typeparam>
    /// <param name="builder">The builder.</param>
    /// <param name="section">Which section, and what its keys are. A second one for the same options is not used.</param>
    /// <remarks>The host refuses to start with a section within <c>DistributedWebSockets</c> that has not been registered here.</remarks>
    public static IDistributedWebSocketsBuilder BindOptions<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>(
        this IDistributedWebSocketsBuilder builder, OptionsSection<TOptions> section)
        where TOptions : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(section);
        if (builder.Services.Any(static service => service.ServiceType == typeof(OptionsSection<TOptions>)))
        {
            return builder;
        }

        builder.Services.AddOptions();
        builder.Services.AddSingleton(section);
        builder.Services.AddSingleton<IOptionsSection>(section);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DistributedWebSocketsClusterOptions>, UnknownKeys>(
            static services => new(services.GetServices<IOptionsSection>(), services.GetService<IConfiguration>())));

        // In front of all callbacks, also of those that were registered before.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<TOptions>>(
            static services => new ConfigureFromSection<TOptions>(services.GetRequiredService<OptionsSection<TOptions>>(), services.GetService<IConfiguration>())));
        return builder;
    }

    /// <summary>Uses <typeparamref name="TBackplane"/> as the backplane. The last call wins.</summary>
    /// <typeparam name="TBackplane">The backplane, created once by dependency injection.</typeparam>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseBackplane<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TBackplane>(
        this IDistributedWebSocketsBuilder builder)
        where TBackplane : class, IBackplane
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<IBackplane, TBackplane>());
        return builder;
    }

    /// <summary>Uses the backplane that <paramref name="factory"/> creates. The last call wins.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="factory">Creates the backplane, once.</param>
    public static IDistributedWebSocketsBuilder UseBackplane(this IDistributedWebSocketsBuilder builder, Func<IServiceProvider, IBackplane> factory)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(factory);
        builder.Services.Replace(ServiceDescriptor.Singleton(factory));
        return builder;
    }

    /// <summary>Uses <typeparamref name="TLog"/> as the message log. The last call wins.</summary>
    /// <typeparam name="TLog">The message log, created once by dependency injection.</typeparam>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseMessageLog<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TLog>(
        this IDistributedWebSocketsBuilder builder)
        where TLog : class, IMessageLog
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<IMessageLog, TLog>());
        return builder;
    }

    /// <summary>Uses the message log that <paramref name="factory"/> creates. The last call wins.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="factory">Creates the message log, once.</param>
    public static IDistributedWebSocketsBuilder UseMessageLog(this IDistributedWebSocketsBuilder builder, Func<IServiceProvider, IMessageLog> factory)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(factory);
        builder.Services.Replace(ServiceDescriptor.Singleton(factory));
        return builder;
    }

    /// <summary>Uses <typeparamref name="TStore"/> as the session store. The last call wins.</summary>
    /// <typeparam name="TStore">The session store, created once by dependency injection.</typeparam>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseSessionStore<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TStore>(
        this IDistributedWebSocketsBuilder builder)
        where TStore : class, ISessionStore
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<ISessionStore, TStore>());
        return builder;
    }

    /// <summary>Uses the session store that <paramref name="factory"/> creates. The last call wins.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="factory">Creates the session store, once.</param>
    public static IDistributedWebSocketsBuilder UseSessionStore(this IDistributedWebSocketsBuilder builder, Func<IServiceProvider, ISessionStore> factory)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(factory);
        builder.Services.Replace(ServiceDescriptor.Singleton(factory));
        return builder;
    }

    /// <summary>Uses <typeparamref name="TStore"/> to keep one-use tickets. The last call wins; those of session stores that come with one count.</summary>
    /// <typeparam name="TStore">The store, created once by dependency injection.</typeparam>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseConnectionTicketStore<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TStore>(
        this IDistributedWebSocketsBuilder builder)
        where TStore : class, IConnectionTicketStore
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<IConnectionTicketStore, TStore>());
        return builder;
    }

    /// <summary>Adds an observer of cluster events. Adding the same type twice is the same as once.</summary>
    /// <typeparam name="TObserver">The observer, created once by dependency injection.</typeparam>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder AddClusterObserver<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TObserver>(
        this IDistributedWebSocketsBuilder builder)
        where TObserver : class, IClusterObserver
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IClusterObserver, TObserver>());
        return builder;
    }

    /// <summary>Adds an observer of presence. Adding the same type twice is the same as once.</summary>
    /// <typeparam name="TObserver">The observer, created once by dependency injection.</typeparam>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder AddPresenceObserver<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TObserver>(
        this IDistributedWebSocketsBuilder builder)
        where TObserver : class, IPresenceObserver
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IPresenceObserver, TObserver>());
        return builder;
    }
}

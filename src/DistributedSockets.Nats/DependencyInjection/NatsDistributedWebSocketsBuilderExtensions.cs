using DistributedSockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Uses NATS as backplane, message log, session store or all of them. The last call wins.</summary>
/// <remarks>
/// Each opens a connection of its own unless the app hands in one, so that a large answer to a query never delays messages. Message log and
/// session store need JetStream on the server, as <c>nats-server -js</c> has it.
/// </remarks>
public static class NatsDistributedWebSocketsBuilderExtensions
{
    /// <summary>Uses NATS as backplane, message log and session store, as the section <c>DistributedWebSockets:Nats</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    /// <remarks>
    /// The section may hold every option of <see cref="NatsBackplaneOptions"/>, <see cref="NatsMessageLogOptions"/> and
    /// <see cref="NatsSessionStoreOptions"/> that can be written as text. The other methods read it too, and what they are told wins.
    /// </remarks>
    public static IDistributedWebSocketsBuilder UseNats(this IDistributedWebSocketsBuilder builder) =>
        builder.UseNatsBackplane().UseNatsMessageLog().UseNatsSessionStore();

    /// <summary>Uses NATS as backplane, message log and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="url">The address of the NATS server, such as <c>nats://nats.example.com:4222</c>; several are separated by commas.</param>
    public static IDistributedWebSocketsBuilder UseNats(this IDistributedWebSocketsBuilder builder, string url)
    {
        ArgumentException.ThrowIfNullOrEmpty(url);
        return builder.UseNats(options => options.Url = url);
    }

    /// <summary>Uses NATS as backplane, message log and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">The configuration of the NATS client, such as its credentials and TLS settings. Copied.</param>
    public static IDistributedWebSocketsBuilder UseNats(this IDistributedWebSocketsBuilder builder, NatsOpts configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return builder.UseNats(options => options.Configuration = configuration);
    }

    /// <summary>Uses NATS as backplane, message log and session store over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseNats(this IDistributedWebSocketsBuilder builder, INatsConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return builder.UseNats(options => options.Connection = connection);
    }

    /// <summary>Uses NATS as backplane, message log and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseNats(this IDistributedWebSocketsBuilder builder, Action<NatsOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return builder
            .UseNatsBackplane(options => Apply(configure, options))
            .UseNatsMessageLog(options => Apply(configure, options))
            .UseNatsSessionStore(options => Apply(configure, options));
    }

    /// <summary>Uses NATS as backplane, as the section <c>DistributedWebSockets:Nats</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseNatsBackplane(this IDistributedWebSocketsBuilder builder) => builder.UseNatsBackplane(static _ => { });

    /// <summary>Uses NATS as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="url">The address of the NATS server, such as <c>nats://nats.example.com:4222</c>; several are separated by commas.</param>
    public static IDistributedWebSocketsBuilder UseNatsBackplane(this IDistributedWebSocketsBuilder builder, string url)
    {
        ArgumentException.ThrowIfNullOrEmpty(url);
        return builder.UseNatsBackplane(options => options.Url = url);
    }

    /// <summary>Uses NATS as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">The configuration of the NATS client, such as its credentials and TLS settings. Copied.</param>
    public static IDistributedWebSocketsBuilder UseNatsBackplane(this IDistributedWebSocketsBuilder builder, NatsOpts configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return builder.UseNatsBackplane(options => options.Configuration = configuration);
    }

    /// <summary>Uses NATS as backplane over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseNatsBackplane(this IDistributedWebSocketsBuilder builder, INatsConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return builder.UseNatsBackplane(options => options.Connection = connection);
    }

    /// <summary>Uses NATS as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseNatsBackplane(this IDistributedWebSocketsBuilder builder, Action<NatsBackplaneOptions> configure)
    {
        AddOptions(builder, configure);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NatsBackplaneOptions>, NatsBackplaneOptionsValidator>());
        return builder.UseBackplane<NatsBackplane>();
    }

    /// <summary>Uses NATS as message log, by a stream of JetStream per hub, as the section <c>DistributedWebSockets:Nats</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseNatsMessageLog(this IDistributedWebSocketsBuilder builder) =>
        builder.UseNatsMessageLog(static _ => { });

    /// <summary>Uses NATS as message log, by a stream of JetStream per hub.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="url">The address of the NATS server, such as <c>nats://nats.example.com:4222</c>; several are separated by commas.</param>
    public static IDistributedWebSocketsBuilder UseNatsMessageLog(this IDistributedWebSocketsBuilder builder, string url)
    {
        ArgumentException.ThrowIfNullOrEmpty(url);
        return builder.UseNatsMessageLog(options => options.Url = url);
    }

    /// <summary>Uses NATS as message log, by a stream of JetStream per hub.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">The configuration of the NATS client, such as its credentials and TLS settings. Copied.</param>
    public static IDistributedWebSocketsBuilder UseNatsMessageLog(this IDistributedWebSocketsBuilder builder, NatsOpts configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return builder.UseNatsMessageLog(options => options.Configuration = configuration);
    }

    /// <summary>Uses NATS as message log, by a stream of JetStream per hub, over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseNatsMessageLog(this IDistributedWebSocketsBuilder builder, INatsConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return builder.UseNatsMessageLog(options => options.Connection = connection);
    }

    /// <summary>Uses NATS as message log, by a stream of JetStream per hub.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseNatsMessageLog(this IDistributedWebSocketsBuilder builder, Action<NatsMessageLogOptions> configure)
    {
        AddOptions(builder, configure);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NatsMessageLogOptions>, NatsMessageLogOptionsValidator>());
        return builder.UseMessageLog<NatsMessageLog>();
    }

    /// <summary>
    /// Uses NATS as session store, by key-value buckets of JetStream, as the section <c>DistributedWebSockets:Nats</c> of the app's configuration says.
    /// </summary>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseNatsSessionStore(this IDistributedWebSocketsBuilder builder) =>
        builder.UseNatsSessionStore(static _ => { });

    /// <summary>Uses NATS as session store, by key-value buckets of JetStream.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="url">The address of the NATS server, such as <c>nats://nats.example.com:4222</c>; several are separated by commas.</param>
    public static IDistributedWebSocketsBuilder UseNatsSessionStore(this IDistributedWebSocketsBuilder builder, string url)
    {
        ArgumentException.ThrowIfNullOrEmpty(url);
        return builder.UseNatsSessionStore(options => options.Url = url);
    }

    /// <summary>Uses NATS as session store, by key-value buckets of JetStream.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">The configuration of the NATS client, such as its credentials and TLS settings. Copied.</param>
    public static IDistributedWebSocketsBuilder UseNatsSessionStore(this IDistributedWebSocketsBuilder builder, NatsOpts configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return builder.UseNatsSessionStore(options => options.Configuration = configuration);
    }

    /// <summary>Uses NATS as session store, by key-value buckets of JetStream, over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseNatsSessionStore(this IDistributedWebSocketsBuilder builder, INatsConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return builder.UseNatsSessionStore(options => options.Connection = connection);
    }

    /// <summary>Uses NATS as session store, by key-value buckets of JetStream.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseNatsSessionStore(
        this IDistributedWebSocketsBuilder builder, Action<NatsSessionStoreOptions> configure)
    {
        AddOptions(builder, configure);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NatsSessionStoreOptions>, NatsSessionStoreOptionsValidator>());
        return builder.UseSessionStore<NatsSessionStore>().UseConnectionTicketStore<NatsConnectionTicketStore>();
    }

    private static void AddOptions<TOptions>(IDistributedWebSocketsBuilder builder, Action<TOptions> configure)
        where TOptions : class, INatsConnectionOptions, new()
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.TryAddSingleton(TimeProvider.System);

        // The keys of all, also where one is used alone: they share a section.
        builder
            .BindOptions(new OptionsSection<NatsBackplaneOptions>("Nats"))
            .BindOptions(new OptionsSection<NatsMessageLogOptions>("Nats"))
            .BindOptions(new OptionsSection<NatsSessionStoreOptions>("Nats"));
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, NatsConnectionOptionsValidator<TOptions>>());
        builder.Services.AddOptions<TOptions>().Configure(options => Replace(configure, options)).ValidateOnStart();
    }

    /// <summary>Lets a connection set by a later call replace an earlier one of another kind.</summary>
    private static void Replace<TOptions>(Action<TOptions> configure, TOptions options)
        where TOptions : INatsConnectionOptions
    {
        var (url, configuration, connection) = (options.Url, options.Configuration, options.Connection);
        (options.Url, options.Configuration, options.Connection) = (null, null, null);
        configure(options);
        if (options is { Url: null, Configuration: null, Connection: null })
        {
            (options.Url, options.Configuration, options.Connection) = (url, configuration, connection);
        }
    }

    private static void Apply(Action<NatsOptions> configure, INatsConnectionOptions target)
    {
        var source = new NatsOptions { OperationTimeout = target.OperationTimeout };
        configure(source);
        target.Url = source.Url;
        target.Configuration = source.Configuration;
        target.Connection = source.Connection;
        target.OperationTimeout = source.OperationTimeout;
    }
}

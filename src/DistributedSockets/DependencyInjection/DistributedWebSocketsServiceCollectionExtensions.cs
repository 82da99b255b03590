using System.Text.Json;
using DistributedSockets;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds distributed WebSockets to an app.</summary>
public static class DistributedWebSocketsServiceCollectionExtensions
{
    /// <summary>Adds distributed WebSockets: complete on one node; choose a backplane and a session store for more.</summary>
    /// <param name="services">The services of a web app, or of a worker that only sends.</param>
    /// <param name="configure">Sets options; it wins over the configuration section <c>DistributedWebSockets</c>.</param>
    /// <returns>A builder for the backplane, the message log and the session store.</returns>
    /// <remarks>May be called several times; the options add up. Options are validated when the host starts.</remarks>
    public static IDistributedWebSocketsBuilder AddDistributedWebSockets(
        this IServiceCollection services, Action<DistributedWebSocketsOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var builder = new DistributedWebSocketsBuilder(services);
        AddOptions(builder);
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.AddMetrics();
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IUserIdProvider, ClaimsUserIdProvider>();
        services.TryAddSingleton<InMemoryCluster>(static provider => new(provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<IBackplane, InMemoryBackplane>();
        services.TryAddSingleton<IMessageLog, InMemoryMessageLog>();
        services.TryAddSingleton<ISessionStore, InMemorySessionStore>();
        services.TryAddSingleton<IConnectionTicketStore, InMemoryConnectionTicketStore>();
        services.TryAddSingleton<IWebSocketRouterFactory, WebSocketRouterFactory>();
        services.TryAddSingleton(static provider => provider.GetRequiredService<IWebSocketRouterFactory>().GetRouter(HubName.Default));
        services.TryAddSingleton(typeof(IWebSocketRouter<>), typeof(WebSocketRouter<>));
        services.TryAddSingleton<ISessionDirectory, SessionDirectory>();
        services.TryAddSingleton(typeof(ISessionDirectory<>), typeof(SessionDirectory<>));
        services.TryAddSingleton<IPresenceRosterFactory, PresenceRosterFactory>();
        services.TryAddSingleton(static provider => provider.GetRequiredService<IPresenceRosterFactory>().GetRoster(HubName.Default));
        services.TryAddSingleton(typeof(IPresenceRoster<>), typeof(PresenceRoster<>));
        AddNode(services);
        ListenerFactories.Decorate(services);
        return builder;
    }

    /// <summary>Uses a given in-memory cluster, which several hosts of one process can share. The last call wins.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="cluster">The cluster.</param>
    public static IDistributedWebSocketsBuilder UseInMemory(this IDistributedWebSocketsBuilder builder, InMemoryCluster cluster)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(cluster);
        builder.Services.Replace(ServiceDescriptor.Singleton(cluster));
        return builder.UseBackplane<InMemoryBackplane>()
            .UseMessageLog<InMemoryMessageLog>()
            .UseSessionStore<InMemorySessionStore>()
            .UseConnectionTicketStore<InMemoryConnectionTicketStore>();
    }

    /// <summary>Sets how values are written and read as JSON. Later calls add to earlier ones.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">
    /// Changes the settings, which are those of <see cref="JsonSerializerDefaults.Web"/>. For trimmed and AOT-compiled apps insert a
    /// source-generated context into the resolver chain, or give a <c>JsonTypeInfo</c> to each send and each read.
    /// </param>
    public static IDistributedWebSocketsBuilder ConfigureJson(this IDistributedWebSocketsBuilder builder, Action<JsonSerializerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.Configure<DistributedWebSocketsJsonOptions>(options => configure(options.SerializerOptions));
        return builder;
    }

    private static void AddOptions(DistributedWebSocketsBuilder builder)
    {
        var services = builder.Services;
        services.AddOptionsWithValidateOnStart<DistributedWebSocketsOptions, DistributedWebSocketsOptionsValidator>();
        services.AddOptionsWithValidateOnStart<DistributedWebSocketsClusterOptions, ClusterOptionsValidator>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DistributedWebSocketsOptions>, DistributedWebSocketsOptionsRules>());
        builder.BindOptions(new OptionsSection<DistributedWebSocketsOptions>()).BindOptions(new OptionsSection<DistributedWebSocketsClusterOptions>());
        AddHubOptions(builder);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<DistributedWebSocketsJsonOptions>, ReflectionJsonDefault>());
    }

    private static void AddHubOptions(DistributedWebSocketsBuilder builder)
    {
        var services = builder.Services;
        if (services.Any(static service => service.ImplementationType == typeof(HubOptionsDefaults)))
        {
            return;
        }

        builder.BindOptions(new OptionsSection<HubOptions>(HubOptionsCheck.Section, isPerName: true));
        services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<HubOptions>, HubOptionsDefaults>()); // in front of the section
        services.AddSingleton<IValidateOptions<HubOptions>, HubOptionsValidator>();
        services.AddSingleton(static provider => new HubOptionsCheck(
            provider.GetRequiredService<Hubs>(),
            provider.GetRequiredService<HubNames>(),
            provider.GetRequiredService<IOptionsMonitor<HubOptions>>(),
            provider.GetServices<HubRegistration>(),
            provider.GetService<IConfiguration>(),
            provider.GetRequiredService<FailSafeLogger<HubOptionsCheck>>()));
    }

    private static void AddNode(IServiceCollection services)
    {
        services.TryAddSingleton<LocalNode>();
        services.TryAddSingleton<NodeHealth>();
        services.TryAddSingleton(static provider => provider.GetRequiredService<LocalNode>().Info);
        services.TryAddSingleton(typeof(FailSafeLogger<>));
        services.TryAddSingleton<DistributedWebSocketsMetrics>();
        services.TryAddSingleton(static provider => new SessionChanges(
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value.PendingSessionChanges,
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value.PendingSessionBytes));
        services.TryAddSingleton<Hubs>();
        services.TryAddSingleton<HubNames>();
        services.TryAddSingleton(static provider => new ChannelSubscriptions(
            provider.GetRequiredService<IBackplane>(),
            provider.GetRequiredService<NodeHealth>(),
            provider.GetRequiredService<LossReporter>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value.UnsubscribeDelay,
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value.RemoteCommandTimeout));
        services.TryAddSingleton(EnvelopeKnowledge.Current);
        services.TryAddSingleton<EnvelopeKeyRing>();
        services.TryAddSingleton<EnvelopeSealer>();
        services.TryAddSingleton<EnvelopeOpener>();
        services.TryAddSingleton<BackplanePublisher>();
        services.TryAddSingleton(static provider => new EnvelopeWriter(
            provider.GetRequiredService<LocalNode>().Info.NodeId,
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value.MaxEnvelopeBytes
                - (provider.GetRequiredService<EnvelopeSealer>().IsEnabled ? SealedEnvelope.OverheadBytes : 0)));
        services.TryAddSingleton<GroupMemberships>();
        services.TryAddSingleton<CommandExecutor>();
        services.TryAddSingleton<LiveNodes>();
        services.TryAddSingleton<RemoteCommands>();
        services.TryAddSingleton<ClientQuestions>();
        services.TryAddSingleton<ForeignCommands>();
        services.TryAddSingleton<LocalDelivery>();
        services.TryAddSingleton<EnvelopeDispatcher>();
        services.TryAddSingleton<ClusterEvents>();
        services.TryAddSingleton<LossReporter>();
        services.TryAddSingleton<BackplaneOutages>();
        services.TryAddSingleton<RefusedEnvelopes>();
        services.TryAddSingleton<EnvelopeSorter>();
        services.TryAddSingleton<LogEntryOpener>();
        services.TryAddSingleton<LogEntryReader>();
        services.TryAddSingleton<LogDelivery>();
        services.TryAddSingleton<HubLogs>();
        services.TryAddSingleton<LogJoins>();
        services.TryAddSingleton<SessionFollower>();
        services.TryAddSingleton<SessionJoins>();
        services.TryAddSingleton<NodeLease>();
        services.TryAddSingleton<AwaySessions>();
        services.TryAddSingleton<ResumeAdmission>();
        services.TryAddSingleton<ResumableSessions>();
        services.TryAddSingleton<SilentNodes>();
        services.TryAddSingleton<SessionHandOver>();
        services.TryAddSingleton<ChannelReconciler>();
        services.TryAddSingleton<SessionCommitter>();
        services.TryAddSingleton<ClusterAgreement>();
        services.TryAddSingleton<SessionAdoption>();
        services.TryAddSingleton<LostNodes>();
        services.TryAddSingleton<PresenceEvents>();
        services.TryAddSingleton<PresenceService>();
        services.TryAddSingleton<NodeHeartbeat>();
        services.TryAddSingleton<Drain>();
        services.TryAddSingleton<Admission>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<MatcherPolicy, HandshakeMatcherPolicy>());
        services.TryAddSingleton<KeepAlive>();
        services.TryAddSingleton<ConnectionLog>();
        services.TryAddSingleton(static provider => new ConnectionServices(
            provider.GetRequiredService<LocalNode>(),
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value, // of no hub yet
            provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value.MaxQueuedBytes,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<DistributedWebSocketsMetrics>(),
            provider.GetRequiredService<ConnectionLog>(),
            new(provider.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value),
            provider.GetRequiredService<IOptions<DistributedWebSocketsJsonOptions>>().Value.SerializerOptions));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, NodeService>());
    }
}

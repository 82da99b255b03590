using System.Text;
using DistributedSockets;
using DistributedSockets.WebPubSub;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the client protocols and the REST interface of Web PubSub.</summary>
public static class WebPubSubDistributedWebSocketsBuilderExtensions
{
    /// <summary>Adds the client protocols and the REST interface of Web PubSub, as <c>MapWebPubSub</c> serves them.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options; it wins over the configuration section <c>DistributedWebSockets:WebPubSub</c>.</param>
    /// <remarks>May be called several times; the options add up. They are checked when the host starts.</remarks>
    public static IDistributedWebSocketsBuilder AddWebPubSub(this IDistributedWebSocketsBuilder builder, Action<WebPubSubOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        services.AddOptionsWithValidateOnStart<WebPubSubOptions, WebPubSubOptionsValidator>();
        builder.BindOptions(new OptionsSection<WebPubSubOptions>("WebPubSub").AddList<WebPubSubWebhook>(
            nameof(WebPubSubOptions.Webhooks),
            static url => new() { Url = url },
            static (options, webhooks) =>
            {
                options.Webhooks.Clear();
                foreach (var webhook in webhooks)
                {
                    options.Webhooks.Add(webhook);
                }
            }));
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.TryAddSingleton<AccessTokenReader>();
        services.TryAddSingleton<RestEndpoints>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureOptions<HubOptions>, ConfigureWebPubSubHubs>());
        AddEvents(services);
        return builder;
    }

    private static void AddEvents(IServiceCollection services)
    {
        if (services.Any(static known => known.ServiceType == typeof(EventMap)))
        {
            return;
        }

        services.AddSingleton<EventMap>();
        services.AddSingleton<WebhookRequests>();
        services.AddSingleton<WebhookClient>();
        services.AddSingleton<WebhookQueue>();
        services.AddSingleton<WebhookSender>();
        services.AddSingleton<ClientEvents>();
        services.TryAddSingleton<IClientEvents>(static services => services.GetRequiredService<ClientEvents>());
        services.AddSingleton<IClusterObserver>(static services => services.GetRequiredService<ClientEvents>());
        services.AddHttpClient(WebhookClient.Name, static (services, client) =>
        {
            client.Timeout = Timeout.InfiniteTimeSpan; // the deadline of the event is another
            client.MaxResponseContentBufferSize = services.GetRequiredService<IOptions<WebPubSubOptions>>().Value.MaxMessageBytes;
        }).ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // another address has not agreed to get events
            UseCookies = false,
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8, // of user ids
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        });
    }
}

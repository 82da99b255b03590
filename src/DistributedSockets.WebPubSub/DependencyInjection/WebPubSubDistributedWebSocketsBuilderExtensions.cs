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
        builder.BindOptions(new OptionsSection<WebPubSubOptions>("WebPubSub"));
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.TryAddSingleton<AccessTokenReader>();
        services.TryAddSingleton<RestEndpoints>();
        services.TryAddSingleton<IClientEvents, NoClientEvents>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureOptions<HubOptions>, ConfigureWebPubSubHubs>());
        return builder;
    }
}

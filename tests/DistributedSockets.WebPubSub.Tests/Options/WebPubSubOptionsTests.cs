using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub.Tests;

public sealed class WebPubSubOptionsTests
{
    private const string Key = "a key of more than sixteen bytes";

    [Fact]
    public void Options_OfASection_AreBound()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
        [
            new("DistributedWebSockets:WebPubSub:AccessKey", Key),
            new("DistributedWebSockets:WebPubSub:SecondaryAccessKey", Key + "2"),
            new("DistributedWebSockets:WebPubSub:Hubs:0", "Chat"),
            new("DistributedWebSockets:WebPubSub:PublicOrigins:0", "https://ws.example.com"),
            new("DistributedWebSockets:WebPubSub:AllowAnonymousClients", "true"),
            new("DistributedWebSockets:WebPubSub:RecoveryWindow", "00:01:00"),
            new("DistributedWebSockets:WebPubSub:MaxMessageBytes", "2048"),
        ]);
        builder.Services.AddDistributedWebSockets().AddWebPubSub();
        using var host = builder.Build();

        var options = host.Services.GetRequiredService<IOptions<WebPubSubOptions>>().Value;
        var hub = host.Services.GetRequiredService<IOptionsMonitor<HubOptions>>().Get("chat");

        Assert.Equal((Key, Key + "2", true, TimeSpan.FromMinutes(1)), (options.AccessKey, options.SecondaryAccessKey, options.AllowAnonymousClients, options.RecoveryWindow));
        Assert.Equal(["Chat"], options.Hubs);
        Assert.Equal(["https://ws.example.com"], options.PublicOrigins);
        Assert.Equal((true, 2048, TimeSpan.FromMinutes(1)), (hub.EnableResume, hub.MaxMessageBytes, hub.ResumeWindow));
    }

    [Theory]
    [InlineData("AccessKey", "short")]
    [InlineData("SecondaryAccessKey", "short")]
    [InlineData("Hubs:0", "1chat")]
    [InlineData("Hubs:0", "a-b")]
    [InlineData("PublicOrigins:0", "ws.example.com")]
    [InlineData("PublicOrigins:0", "https://ws.example.com/path")]
    [InlineData("RecoveryWindow", "00:00:00")]
    [InlineData("HandlerTimeout", "1.00:00:00")]
    [InlineData("MaxMessageBytes", "1023")]
    [InlineData("MaxUnacknowledgedMessages", "0")]
    [InlineData("MaxUnacknowledgedBytes", "1023")]
    public void Option_OutOfRange_IsNamed(string option, string value)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new($"DistributedWebSockets:WebPubSub:{option}", value)]);
        builder.Services.AddDistributedWebSockets().AddWebPubSub(options =>
        {
            options.AccessKey ??= Key;
            if (options.Hubs.Count == 0)
            {
                options.Hubs.Add("chat");
            }
        });
        using var host = builder.Build();

        var exception = Assert.Throws<OptionsValidationException>(() => host.Services.GetRequiredService<IOptions<WebPubSubOptions>>().Value);

        Assert.StartsWith($"WebPubSubOptions.{option.Split(':')[0]} ", Assert.Single(exception.Failures));
        Assert.DoesNotContain("short", exception.Message);
    }

    [Fact]
    public void Options_WithoutKeyAndHubs_NameBoth()
    {
        var result = new WebPubSubOptionsValidator().Validate(null, new());

        Assert.Equal(["WebPubSubOptions.AccessKey is missing.", "WebPubSubOptions.Hubs is empty."], result.Failures!.Select(failure => failure[..(failure.IndexOf('.', 20) + 1)]));
    }
}

using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Nats.Tests.Hosts;

/// <summary>A node that starts before its NATS.</summary>
public sealed class StartTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nats_NotThere_IsOneWarningOfOneLine(bool withStore)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        builder.Logging.AddFakeLogging().SetMinimumLevel(LogLevel.Trace);
        var sockets = builder.Services.AddDistributedWebSockets();
        if (withStore)
        {
            sockets.UseNats(Configure);
        }
        else
        {
            sockets.UseNatsBackplane(static options => (options.Url, options.OperationTimeout) = ("nats://127.0.0.1:1", TimeSpan.FromMilliseconds(300)));
        }

        await using var app = builder.Build();
        await app.StartAsync(Cancellation);
        var router = app.Services.GetRequiredService<IWebSocketRouter>();
        for (var i = 0; i < 2; i++)
        {
            await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToAllAsync("lost", Cancellation));
        }

        var warning = Assert.Single(app.Services.GetFakeLogCollector().GetSnapshot(), static record =>
            record.Level >= LogLevel.Warning && record.Category?.StartsWith("Microsoft", StringComparison.Ordinal) != true);
        Assert.Equal((208, LogLevel.Warning), (warning.Id.Id, warning.Level));
        Assert.Null(warning.Exception);
        Assert.DoesNotContain('\n', warning.Message);
        Assert.Contains(withStore ? "The backplane and the session store are away." : "The backplane is away", warning.Message);
    }

    private static void Configure(NatsOptions options) => (options.Url, options.OperationTimeout) = ("nats://127.0.0.1:1", TimeSpan.FromMilliseconds(300));
}

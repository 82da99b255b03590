using System.Text.Json;
using System.Text.Json.Serialization;
using DistributedSockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Push.Worker;

/// <summary>Tells everyone the time, and a user named alice a little more.</summary>
internal sealed partial class Clock(IWebSocketRouterFactory routers, TimeProvider time, ILogger<Clock> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly IWebSocketRouter _router = routers.GetRouter("notifications"); // by name: the handler is the web nodes' business

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var now = time.GetLocalNow();
            try
            {
                await _router.SendToAllAsync(
                    new Notification("Clock", $"It is {now:HH:mm:ss}."), ClockJson.Default.Notification, stoppingToken);
                await _router.SendToUserAsync(
                    "alice", new Notification("For alice only", $"{now:dddd}, day {now.DayOfYear} of the year."), ClockJson.Default.Notification, stoppingToken);
                Log.Pushed(logger);
            }
            catch (BackplaneUnavailableException exception)
            {
                Log.NotPushed(logger, exception.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Pushed the time.")]
        public static partial void Pushed(ILogger logger);

        [LoggerMessage(2, LogLevel.Warning, "The time was not pushed: {Reason}")]
        public static partial void NotPushed(ILogger logger, string reason);
    }
}

internal sealed record Notification(string Title, string Text);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Notification))]
internal sealed partial class ClockJson : JsonSerializerContext;

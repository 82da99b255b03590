using System.Text.Json;

namespace DistributedSockets.TestNode;

/// <summary>A process without sockets and without a web server that reaches the connections of others.</summary>
/// <remarks>Prints <c>ready</c>, then answers each line of standard input, a <see cref="RouterCommand"/>, with a <see cref="RouterOutcome"/>.</remarks>
internal static class Worker
{
    public static async Task RunAsync(TestNodeArguments arguments)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddLibrary(arguments);
        using var host = builder.Build();
        await host.StartAsync();
        var routers = host.Services.GetRequiredService<IWebSocketRouterFactory>();
        await Console.Out.WriteLineAsync("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var command = JsonSerializer.Deserialize(line, TestNodeJson.Default.RouterCommand)
                ?? throw new FormatException("A command is a JSON object.");
            var outcome = await command.RunAsync(routers, CancellationToken.None);
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(outcome, TestNodeJson.Default.RouterOutcome));
        }

        await host.StopAsync();
    }
}

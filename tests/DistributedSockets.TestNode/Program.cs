using System.Net;
using DistributedSockets;
using DistributedSockets.TestNode;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Server.Kestrel.Core;

TestNodeArguments arguments;
try
{
    arguments = TestNodeArguments.Parse(args);
}
catch (FormatException exception)
{
    await Console.Error.WriteLineAsync($"{exception.Message}{Environment.NewLine}{TestNodeArguments.Usage}");
    return 2;
}

UnobservedExceptions.Print();
if (arguments.Worker)
{
    await Worker.RunAsync(arguments);
    UnobservedExceptions.Collect();
    return 0;
}

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.Error); // tests ask many times a second
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.Listen(
        IPAddress.Loopback,
        arguments.Port,
        listen => listen.Protocols = arguments.Http2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
    kestrel.Limits.RequestHeadersTimeout = arguments.HeadersTimeout ?? kestrel.Limits.RequestHeadersTimeout;
});
builder.Services.AddLibrary(arguments);
builder.Services.AddSingleton<IUserIdProvider, QueryUserIdProvider>();
builder.Services.AddHealthChecks().AddDistributedWebSockets();
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, TestNodeJson.Default));
await using var app = builder.Build();
app.Services.GetRequiredService<LibraryMetrics>(); // counts from the start
var router = app.Services.GetRequiredService<IWebSocketRouter<TestNodeHandler>>();
app.MapDistributedWebSocket<TestNodeHandler>("/ws");
app.MapDistributedWebSocket<OtherHubHandler>("/other");
app.MapSends(router);
if (arguments.Log)
{
    app.MapHistory(router);
}

app.MapQueries(app.Services.GetRequiredService<ISessionDirectory>(), router.Hub);
app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = static _ => false });
app.MapHealthChecks("/health/ready");
app.MapHealthChecks("/health/why", new HealthCheckOptions
{
    ResponseWriter = static (context, report) => context.Response.WriteAsync(
        $"{report.Status}: {string.Join(' ', report.Entries.Values.Select(static entry => entry.Description))}"),
});

await app.StartAsync();
if (arguments.UntilStandardInputCloses)
{
    StandardInput.WhenClosed(app.Lifetime.StopApplication);
}

await Console.Out.WriteLineAsync($"Listening on {app.Urls.First()}");
await app.WaitForShutdownAsync();
UnobservedExceptions.Collect();
return 0;

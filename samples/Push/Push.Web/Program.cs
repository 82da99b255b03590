using System.ComponentModel.DataAnnotations;
using System.Net.Sockets;
using DistributedSockets;
using Push.Web;
using Samples;

const string Usage = """
    Usage:
      dotnet run --project samples/Push/Push.Web                                  one node on port 5090, in memory
      dotnet run --project samples/Push/Push.Web -- --redis HOST:PORT --port N    one of several nodes, on port N
    """;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(Usage);
    return 0;
}

string? redis;
int port;
try
{
    var arguments = new CommandLine(args, "--redis", "--port");
    redis = arguments.GetEndpoint("--redis");
    port = arguments.GetPort("--port", 5090);
}
catch (FormatException exception)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(Usage);
    return 2;
}

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical); // the end of this file says why a node cannot start

builder.Services.AddSingleton<IUserIdProvider, NameFromQuery>();
builder.Services.AddHealthChecks().AddDistributedWebSockets();
var sockets = builder.Services
    .AddDistributedWebSockets(options => options.NodeName = $"web-{port}")
    .ConfigureCluster(options => options.Prefix = "push-sample"); // the worker says the same
if (redis is not null)
{
    sockets.UseRedis(redis);
}

builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, PushJson.Default));
builder.Services.AddValidation();
builder.Services.AddProblemDetails();
builder.Services.AddExceptionHandler<ProblemWriter>();
builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);

var app = builder.Build();
app.UseExceptionHandler();
app.UseStatusCodePages();
app.UseFileServer();
app.MapDistributedWebSocket<NotificationsHandler>("/notifications");
app.MapHealthChecks("/health");

app.MapPost("/notify/{user}", async (
    [RegularExpression(UserName.Pattern, ErrorMessage = $"A user's name has {UserName.Rule}.")] string user,
    Notification notification,
    IWebSocketRouter<NotificationsHandler> router,
    CancellationToken cancellationToken) =>
{
    await router.SendToUserAsync(user, notification, PushJson.Default.Notification, cancellationToken);
    return TypedResults.Accepted((string?)null);
});

app.MapPost("/notify", async (Notification notification, IWebSocketRouter<NotificationsHandler> router, CancellationToken cancellationToken) =>
{
    await router.SendToAllAsync(notification, PushJson.Default.Notification, cancellationToken);
    return TypedResults.Accepted((string?)null);
});

try
{
    await app.StartAsync();
}
catch (Exception exception) when (exception is IOException or SocketException)
{
    Console.Error.WriteLine($"{exception.Message} Choose another port with --port.");
    return 1;
}

Console.WriteLine($"Open {string.Join(", ", app.Urls)} in your browser. Ctrl+C stops.");
await app.WaitForShutdownAsync();
return 0;

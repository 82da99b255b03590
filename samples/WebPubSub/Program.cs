using System.Net.Sockets;
using System.Security.Claims;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Samples;

const string Usage = """
    Usage:
      dotnet run --project samples/WebPubSub                                  one node on port 5100, in memory
      dotnet run --project samples/WebPubSub -- --redis HOST:PORT --port N    one of several nodes, on port N
    """;

// A secret of this sample, which everybody knows: in an app it comes from where secrets are.
const string AccessKey = "the access key of a sample, known to all";

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
    port = arguments.GetPort("--port", 5100);
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
builder.Services.AddHealthChecks().AddDistributedWebSockets();
var sockets = builder.Services
    .AddDistributedWebSockets(options => options.NodeName = $"node-{port}")
    .ConfigureCluster(options => options.Prefix = "web-pubsub-sample")
    .AddWebPubSub(options =>
    {
        options.AccessKey = AccessKey;
        options.Hubs.Add("chat");
    });
if (redis is not null)
{
    sockets.UseRedis(redis);
}

var app = builder.Build();
app.UseFileServer();
app.MapHealthChecks("/health");
app.MapWebPubSub().OnEvent("where", (context, _) =>
{
    context.ReplyText($"node-{port}");
    return ValueTask.CompletedTask;
}, hub: "chat");

// Your own sign-in comes here: this one believes everybody. The page connects to the address that it gets.
app.MapPost("/negotiate", (string name, HttpRequest request) =>
{
    if (!UserName.IsValid(name))
    {
        return Results.BadRequest($"A name has {UserName.Rule}.");
    }

    var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Audience = $"{request.Scheme}://{request.Host}/client/hubs/chat",
        Subject = new ClaimsIdentity([new("sub", name), new("role", "webpubsub.joinLeaveGroup.lobby"), new("role", "webpubsub.sendToGroup.lobby")]),
        Expires = DateTime.UtcNow.AddHours(1),
        SigningCredentials = new(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(AccessKey)), SecurityAlgorithms.HmacSha256),
    });
    return Results.Ok(new { url = $"ws://{request.Host}/client/hubs/chat?access_token={token}" });
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

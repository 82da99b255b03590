using System.Net;
using DistributedSockets.TestNode;
using DistributedSockets.WebPubSub;
using DistributedSockets.WebPubSub.TestHost;

TestHostArguments arguments;
try
{
    arguments = TestHostArguments.Parse(args);
}
catch (FormatException exception)
{
    await Console.Error.WriteLineAsync($"{exception.Message}{Environment.NewLine}{TestHostArguments.Usage}");
    return 2;
}

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.Limits.MaxRequestLineSize = kestrel.Limits.MaxRequestHeadersTotalSize = 512 * 1024; // for tokens of thousands of groups
    if (arguments.Port == 0)
    {
        kestrel.Listen(IPAddress.Loopback, 0);
    }
    else
    {
        kestrel.ListenLocalhost(arguments.Port); // clients may say 127.0.0.1, [::1] or localhost
    }
});
var sockets = builder.Services.AddDistributedWebSockets().AddWebPubSub(options =>
{
    options.AccessKey = arguments.Key;
    options.Hubs.Add("conformance");
    options.Hubs.Add("conformance2");
    options.AllowAnonymousClients = true;
    options.RecoveryWindow = arguments.Window;
    if (arguments.Webhook is { } url)
    {
        options.Webhooks.Add(new() { Url = url, SystemEvents = { "connect", "connected", "disconnected" } });
    }
});
if (arguments.Prefix is { } prefix)
{
    sockets.ConfigureCluster(cluster => cluster.Prefix = prefix);
}

if (arguments.Redis is { } redis)
{
    sockets.UseRedis(redis);
}
else if (arguments.Nats is { } nats)
{
    sockets.UseNats(nats);
}

await using var app = builder.Build();
app.MapWebPubSub()
    .OnEvent("echo", static (context, _) =>
    {
        context.Reply(context.Data);
        return ValueTask.CompletedTask;
    })
    .OnEvent("silent", static (_, _) => ValueTask.CompletedTask)
    .OnEvent("boom", static (_, _) => throw new InvalidOperationException("This event fails, as it is meant to."));

await app.StartAsync();
if (arguments.UntilStandardInputCloses)
{
    StandardInput.WhenClosed(app.Lifetime.StopApplication);
}

await Console.Out.WriteLineAsync($"Listening on {app.Urls.First()}");
await app.WaitForShutdownAsync();
return 0;

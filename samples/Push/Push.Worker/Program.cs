using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Push.Worker;
using Samples;

const string Usage = """
    Usage:
      dotnet run --project samples/Push/Push.Worker -- --redis HOST:PORT    pushes through Redis to the pages of all web nodes
    """;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(Usage);
    return 0;
}

string redis;
try
{
    redis = new CommandLine(args, "--redis").GetEndpoint("--redis")
        ?? throw new FormatException("--redis is missing: the worker holds no sockets and meets the web nodes on Redis.");
}
catch (FormatException exception)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(Usage);
    return 2;
}

var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
builder.Services
    .AddDistributedWebSockets(options => options.NodeName = "worker")
    .ConfigureCluster(options => options.Prefix = "push-sample") // the web nodes say the same
    .UseRedis(redis);
builder.Services.AddHostedService<Clock>();

await builder.Build().RunAsync();
return 0;

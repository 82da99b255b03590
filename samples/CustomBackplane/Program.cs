using System.Net;
using System.Net.Sockets;
using CustomBackplane;
using DistributedSockets;
using Microsoft.Extensions.Options;
using Samples;

const string Usage = """
    Usage:
      dotnet run --project samples/CustomBackplane -- --postgres CONNECTION             two nodes in this process, on ports 5100 and 5101
      dotnet run --project samples/CustomBackplane -- --postgres CONNECTION --port N    the same on ports N and N+1

    CONNECTION as Npgsql reads it, such as "Host=127.0.0.1;Username=postgres;Database=postgres"
    """;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(Usage);
    return 0;
}

WebApplication[] nodes;
try
{
    var arguments = new CommandLine(args, "--postgres", "--port");
    var connectionString = arguments.GetText("--postgres") ?? throw new FormatException("--postgres is missing: this sample needs a PostgreSQL server.");
    var port = arguments.GetPort("--port", 5100);
    if (port == IPEndPoint.MaxPort)
    {
        throw new FormatException($"--port is {port}, and the second node would need the next one. Give a smaller port.");
    }

    var sessions = new InMemoryCluster();
    nodes = [.. Enumerable.Range(port, 2).Select(p => WallNode.Create(p, connectionString, sessions))];
}
catch (Exception exception) when (exception is FormatException or OptionsValidationException)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(Usage);
    return 2;
}

try
{
    await Task.WhenAll(nodes.Select(node => node.StartAsync()));
}
catch (Exception exception) when (exception is IOException or SocketException)
{
    await Task.WhenAll(nodes.Select(node => node.StopAsync()));
    Console.Error.WriteLine($"{exception.Message} Choose another port with --port.");
    return 1;
}

Console.WriteLine($"Open {string.Join(" and ", nodes.SelectMany(node => node.Urls))} in your browser. Ctrl+C stops.");
await Task.WhenAll(nodes.Select(node => node.WaitForShutdownAsync()));
return 0;

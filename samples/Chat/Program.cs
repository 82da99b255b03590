using System.Net;
using System.Net.Sockets;
using Chat;
using DistributedSockets;
using Samples;

const string Usage = """
    Usage:
      dotnet run --project samples/Chat                                  two nodes in this process, on ports 5080 and 5081
      dotnet run --project samples/Chat -- --port N                      the same on ports N and N+1
      dotnet run --project samples/Chat -- --redis HOST:PORT --port N    one node on port N; start as many as you like
      … --other M                                                        its pages turn to the node on port M when they lose it
    """;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(Usage);
    return 0;
}

WebApplication[] nodes;
try
{
    var arguments = new CommandLine(args, "--redis", "--port", "--other");
    var port = arguments.GetPort("--port", 5080);
    if (arguments.GetEndpoint("--redis") is { } redis)
    {
        int[] others = arguments.GetText("--other") is null ? [] : [arguments.GetPort("--other", port)];
        nodes = [ChatNode.Create(port, others, cluster => cluster.UseRedis(redis))];
    }
    else if (arguments.GetText("--other") is not null)
    {
        throw new FormatException("--other needs --redis: without it both nodes are in this process.");
    }
    else if (port == IPEndPoint.MaxPort)
    {
        throw new FormatException($"--port is {port}, and the second node would need the next one. Give a smaller port.");
    }
    else
    {
        var shared = new InMemoryCluster();
        int[] ports = [port, port + 1];
        nodes = [.. ports.Select(p => ChatNode.Create(p, [.. ports.Where(other => other != p)], cluster => cluster.UseInMemory(shared)))];
    }
}
catch (FormatException exception)
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

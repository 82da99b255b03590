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
    """;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(Usage);
    return 0;
}

WebApplication[] nodes;
try
{
    var arguments = new CommandLine(args, "--redis", "--port");
    var port = arguments.GetPort("--port", 5080);
    if (arguments.GetEndpoint("--redis") is { } redis)
    {
        nodes = [ChatNode.Create(port, cluster => cluster.UseRedis(redis))];
    }
    else if (port == IPEndPoint.MaxPort)
    {
        throw new FormatException($"--port is {port}, and the second node would need the next one. Give a smaller port.");
    }
    else
    {
        var shared = new InMemoryCluster();
        nodes = [.. Enumerable.Range(port, 2).Select(p => ChatNode.Create(p, cluster => cluster.UseInMemory(shared)))];
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

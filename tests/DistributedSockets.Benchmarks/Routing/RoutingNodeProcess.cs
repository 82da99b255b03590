using System.Diagnostics;
using System.Text.Json;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>A <see cref="RoutingNode"/> as the program that measures sees it. It ends when its input closes.</summary>
internal sealed class RoutingNodeProcess : IAsyncDisposable
{
    private readonly Process _process;

    private RoutingNodeProcess(Process process, string name)
    {
        _process = process;
        Name = name;
    }

    public string Name { get; }

    public double ResidentKiB => ProcessUsage.ResidentKiB(_process.Id);

    public static async Task<RoutingNodeProcess> StartAsync(int number, string over, string endPoint, string strategy)
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(RoutingNodeProcess).Assembly.Location, RoutingProgram.NodeVerb, over, endPoint, strategy])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var node = new RoutingNodeProcess(process, $"n{number}");
        await node.AskAsync($"name {node.Name}");
        return node;
    }

    public async Task<RoutingAnswer> AskAsync(string command)
    {
        await _process.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync();
        var line = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"A node ended at '{command}'.");
        return JsonSerializer.Deserialize<RoutingAnswer>(line)!; // the node writes nothing else
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}

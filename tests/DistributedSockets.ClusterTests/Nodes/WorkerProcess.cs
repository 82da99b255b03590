using System.Text.Json;

namespace DistributedSockets.ClusterTests;

/// <summary>A process that holds no sockets and speaks to those of the nodes.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private WorkerProcess(ChildProcess process) => _process = process;

    public static async Task<WorkerProcess> StartAsync(NodeSettings settings)
    {
        var host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var process = ChildProcess.Start(
            $"worker {settings.Name}", host, [TestFiles.TestNode, "--worker", .. settings.Arguments()], settings.Environment());
        try
        {
            await process.LineAsync(static line => line == "ready").Guarded($"start of worker {settings.Name}");
            return new(process);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public async Task<CommandAnswer> CommandAsync(object command)
    {
        await _process.Input.WriteLineAsync(JsonSerializer.Serialize(command, JsonSerializerOptions.Web));
        await _process.Input.FlushAsync();
        var line = await _process.LineAsync(static line => line.StartsWith('{')).Guarded("an answer of the worker");
        return JsonSerializer.Deserialize<CommandAnswer>(line, JsonSerializerOptions.Web)!; // an object, as its first character says
    }

    /// <summary>Lets it end by itself, and gives the exit code.</summary>
    public Task<int> EndAsync()
    {
        _process.Input.Close();
        return _process.ExitAsync();
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}

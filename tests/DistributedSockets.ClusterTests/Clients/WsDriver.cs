using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistributedSockets.ClusterTests;

/// <summary>A Node.js process with the <c>ws</c> package: WebSocket clients that share no code with .NET's.</summary>
internal sealed class WsDriver : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> _requests = new();
    private readonly ConcurrentDictionary<string, WsClient> _clients = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Task _reading;
    private int _lastRequest;
    private int _lastId;

    private WsDriver(ChildProcess process)
    {
        _process = process;
        _reading = ReadAsync();
    }

    /// <summary>Starts the driver, after <c>npm ci</c> where it has not been run yet.</summary>
    /// <exception cref="InvalidOperationException">There is no Node.js, or the package cannot be had.</exception>
    public static async Task<WsDriver> StartAsync()
    {
        if (!Directory.Exists(Path.Combine(TestFiles.ClientDirectory, "node_modules", "ws")))
        {
            await using var install = Start("npm", ["ci", "--no-audit", "--no-fund"]);
            if (await install.ExitAsync() != 0)
            {
                throw new InvalidOperationException($"npm ci failed.{Environment.NewLine}{install.Output()}");
            }
        }

        return new(Start("node", ["driver.js"]));
    }

    public string NewId() => $"{Interlocked.Increment(ref _lastId)}";

    /// <summary>Opens a client; its handshake has still to be made.</summary>
    public WsClient NewClient()
    {
        var id = NewId();
        return _clients[id] = new WsClient(this, id);
    }

    public async Task<JsonNode?> CallAsync(string kind, string id, string command, JsonObject parameters)
    {
        var request = Interlocked.Increment(ref _lastRequest);
        var answer = _requests[request] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        parameters["request"] = request;
        parameters["kind"] = kind;
        parameters["id"] = id;
        parameters["command"] = command;
        await _writing.WaitAsync();
        try
        {
            await _process.Input.WriteLineAsync(parameters.ToJsonString());
            await _process.Input.FlushAsync();
        }
        finally
        {
            _writing.Release();
        }

        return await answer.Task.Guarded($"answer of the ws driver to {command}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Input.Close();
        await _process.ExitAsync();
        await _reading;
        await _process.DisposeAsync();
    }

    private static ChildProcess Start(string command, string[] arguments)
    {
        try
        {
            return OperatingSystem.IsWindows()
                ? ChildProcess.Start(command, "cmd", ["/c", command, .. arguments], directory: TestFiles.ClientDirectory)
                : ChildProcess.Start(command, command, arguments, directory: TestFiles.ClientDirectory);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException($"{command} is not installed.", exception);
        }
    }

    private async Task ReadAsync()
    {
        await foreach (var line in _process.Lines.ReadAllAsync())
        {
            var message = JsonNode.Parse(line)!.AsObject(); // the driver writes nothing but objects
            if (message["request"] is { } request)
            {
                var answer = _requests.Remove(request.GetValue<int>(), out var waiting) ? waiting : throw new InvalidOperationException(line);
                if (message["error"] is { } error)
                {
                    answer.SetException(new WsException(error.GetValue<string>()));
                }
                else
                {
                    answer.SetResult(message["result"]);
                }
            }
            else if (_clients.TryGetValue(message["id"]!.GetValue<string>(), out var client)) // an event always names its client
            {
                client.OnEvent(message);
            }
        }

        foreach (var answer in _requests.Values)
        {
            answer.TrySetException(new InvalidOperationException($"The ws driver has ended.{Environment.NewLine}{_process.Output()}"));
        }
    }
}

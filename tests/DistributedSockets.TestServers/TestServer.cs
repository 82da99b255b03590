using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistributedSockets.TestServers;

/// <summary>A real server on a free loopback port, in a process of its own.</summary>
/// <remarks>
/// Use it as an xUnit fixture, or <c>await using</c> it after <see cref="StartAsync"/>. The port stays the same over stops
/// and restarts; nothing is kept on disk unless asked for, so a restarted server has lost its data. Each server belongs to one test at a time.
/// </remarks>
public abstract class TestServer : IAsyncLifetime
{
    /// <summary>How long anything may take before it counts as hanging.</summary>
    public static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    private const int Attempts = 5;

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    private ServerProcess? _process;

    /// <summary>Whether the machine has this server, or can get it.</summary>
    public virtual bool IsAvailable => true;

    /// <summary>The loopback port, or 0 before the first start.</summary>
    public int Port { get; private set; }

    /// <summary><c>127.0.0.1:port</c>, which is also the shortest StackExchange.Redis connection string.</summary>
    public string EndPoint => Port == 0 ? throw new InvalidOperationException($"{Name} has not been started.") : $"127.0.0.1:{Port}";

    /// <summary>The id of the running process.</summary>
    public int ProcessId => Running.Id;

    /// <summary>Whether the process runs, paused or not.</summary>
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Arguments added to the server's command line at the next start.</summary>
    public IList<string> ExtraArguments { get; } = [];

    /// <summary>The password that <see cref="CommandAsync"/> signs in with, for a server that wants one.</summary>
    public string? Password { get; set; }

    /// <summary>The server's name for messages.</summary>
    protected abstract string Name { get; }

    private ServerProcess Running => _process ?? throw new InvalidOperationException($"{Name} does not run.");

    /// <summary>Starts the server if the machine has it; called by xUnit for a fixture.</summary>
    public async ValueTask InitializeAsync()
    {
        if (IsAvailable)
        {
            await StartAsync();
        }
    }

    /// <summary>Skips the running test if the machine lacks this server; fails it in continuous integration, where it must not be missing.</summary>
    public void SkipUnlessAvailable()
    {
        if (!IsAvailable)
        {
            var reason = $"{Name} is not installed on this machine.";
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") != "true", reason);
            Assert.Fail(reason);
        }
    }

    /// <summary>Starts the server, and returns when it answers.</summary>
    /// <exception cref="TestServerException">It did not start; the message holds its log.</exception>
    public async Task StartAsync()
    {
        if (_process is not null)
        {
            throw new InvalidOperationException($"{Name} runs already.");
        }

        await PrepareAsync();
        var log = "";
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            // Between asking for a free port and the server's bind, another process may take it. A port that clients know
            // already is tried again instead of replaced.
            var port = Port == 0 ? FindFreePort() : Port;
            var process = ServerProcess.Start(Name, CreateStartInfo(port));
            if (await WaitUntilReadyAsync(process, port))
            {
                Port = port;
                _process = process;
                return;
            }

            log = await process.EndAsync();
        }

        throw new TestServerException($"{Name} did not start in {Attempts} attempts. Its log of the last one:\n{log}");
    }

    /// <summary>Asks the server to end, and returns when it has.</summary>
    public async Task StopAsync()
    {
        var process = Running;
        _process = null;
        await process.TerminateAsync();
    }

    /// <summary>Kills the server, as <c>kill -9</c> does.</summary>
    public async Task KillAsync()
    {
        var process = Running;
        _process = null;
        await process.EndAsync();
    }

    /// <summary>Stops the server and starts it again, empty, on the same port.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    /// <summary>Freezes the server: connections stay open, nothing is answered.</summary>
    public Task PauseAsync() => Running.PauseAsync();

    /// <summary>Lets a paused server go on.</summary>
    public Task ResumeAsync() => Running.SignalAsync("CONT");

    /// <summary>Sends one command outside of any client library and returns the raw answer.</summary>
    /// <param name="command">The command and its arguments.</param>
    public async Task<string> CommandAsync(params string[] command)
    {
        using var guard = new CancellationTokenSource(Guard);
        return await ExchangeAsync(Port, Password, command, guard.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.EndAsync();
        }

        DeleteFiles();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gets ready what the start needs, before each start.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    /// <summary>Deletes what was kept over restarts.</summary>
    protected virtual void DeleteFiles()
    {
    }

    /// <summary>Says how to start the server.</summary>
    /// <param name="port">The loopback port to listen on.</param>
    protected abstract ProcessStartInfo CreateStartInfo(int port);

    /// <summary>Whether what answers on the port is the process that was started, rather than someone quicker.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="info">The answer to <c>INFO server</c>.</param>
    protected virtual bool IsOurs(int processId, string info) => true;

    private static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<string> ExchangeAsync(int port, string? password, string[] command, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        var stream = client.GetStream();
        if (password is not null && await AskAsync("AUTH", password) is var answer && !answer.StartsWith("+OK", StringComparison.Ordinal))
        {
            return answer;
        }

        return await AskAsync(command);

        async Task<string> AskAsync(params string[] parts)
        {
            var request = new StringBuilder($"*{parts.Length}\r\n");
            foreach (var part in parts)
            {
                request.Append($"${Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n");
            }

            await stream.WriteAsync(Encoding.UTF8.GetBytes(request.ToString()), cancellationToken);
            var buffer = new byte[16 * 1024];
            var read = await stream.ReadAsync(buffer, cancellationToken);
            return Encoding.UTF8.GetString(buffer, 0, read);
        }
    }

    private async Task<bool> WaitUntilReadyAsync(ServerProcess process, int port)
    {
        using var patience = new CancellationTokenSource(StartPatience);
        while (!process.HasExited)
        {
            try
            {
                var info = await ExchangeAsync(port, password: null, ["INFO", "server"], patience.Token);
                if (info.StartsWith('$') || info.StartsWith('=') || info.StartsWith("-NOAUTH", StringComparison.Ordinal))
                {
                    return !process.HasExited && (info[0] == '-' || IsOurs(process.Id, info));
                }
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                // Nobody listens yet.
            }
            catch (OperationCanceledException) when (patience.IsCancellationRequested)
            {
                return false;
            }

            await Task.Delay(PollInterval);
        }

        return false;
    }
}

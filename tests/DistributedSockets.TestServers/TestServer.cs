using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

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
    private static readonly ConcurrentDictionary<int, bool> Given = new(); // ports, so that none is given twice

    /// <summary>
    /// A byte for each port, locked by the process that has been given it for as long as it runs: test projects run beside each other, and one
    /// must not start a server where another one's has been stopped and is to come back.
    /// </summary>
    private static readonly FileStream Ports = new(
        Path.Combine(Path.GetTempPath(), $"distributed-sockets-test-ports-{Environment.UserName}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);

    private ServerProcess? _process;

    /// <summary>Whether the machine has this server, or can get it.</summary>
    public virtual bool IsAvailable => true;

    /// <summary>The loopback port, or 0 before the first start.</summary>
    public int Port { get; private set; }

    /// <summary><c>127.0.0.1:port</c>: for a Redis server also the shortest StackExchange.Redis connection string.</summary>
    public string EndPoint => Port == 0 ? throw new InvalidOperationException($"{Name} has not been started.") : $"127.0.0.1:{Port}";

    /// <summary>The id of the running process.</summary>
    public int ProcessId => Running.Id;

    /// <summary>Whether the process runs, paused or not.</summary>
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Arguments added to the server's command line at the next start.</summary>
    public IList<string> ExtraArguments { get; } = [];

    /// <summary>The server's name for messages.</summary>
    protected abstract string Name { get; }

    /// <summary>The signal that asks the server to end soon, whoever is connected.</summary>
    protected virtual string StopSignal => "TERM";

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
        await process.TerminateAsync(StopSignal);
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

    /// <summary>A port that nobody listens on, and that no client is given for its own end, so that a stopped server finds it free again.</summary>
    protected static int FindFreePort()
    {
        while (true)
        {
            // Below the ports that systems give to clients: 32768 and up on Linux, 49152 and up elsewhere.
            var port = Random.Shared.Next(15_000, 30_000);
            if (!Given.TryAdd(port, true))
            {
                continue;
            }

            try
            {
                if (!OperatingSystem.IsMacOS()) // which has no such locks
                {
                    Ports.Lock(port, 1);
                }

                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                // Somebody has it.
            }
        }
    }

    /// <summary>Sends the running process a signal.</summary>
    /// <param name="signal">Its name without SIG.</param>
    protected Task SignalAsync(string signal) => Running.SignalAsync(signal);

    /// <summary>Sends the running process a signal, and waits until it says in its log that it has done what the signal asks for.</summary>
    /// <param name="signal">Its name without SIG.</param>
    /// <param name="done">What the log says then.</param>
    /// <param name="failed">What it says when it could not be done.</param>
    /// <exception cref="TestServerException">It could not be done, or nothing was said in time; the message holds the log since the signal.</exception>
    protected async Task SignalAsync(string signal, string done, string failed)
    {
        var process = Running;
        var before = (await process.ReadLogAsync()).Length;
        await process.SignalAsync(signal);
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var said = (await process.ReadLogAsync())[before..];
            if (said.Contains(done, StringComparison.Ordinal))
            {
                return;
            }

            if (said.Contains(failed, StringComparison.Ordinal) || Stopwatch.GetElapsedTime(started) > Guard)
            {
                throw new TestServerException($"{Name} did not do what the signal {signal} asks for. Its log since then:\n{said}");
            }

            await Task.Delay(PollInterval);
        }
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

    /// <summary>Asks whether the server takes work. A connection that fails means not yet.</summary>
    /// <param name="processId">The process that was started.</param>
    /// <param name="port">Its port.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>Whether what answers is the process that was started, rather than someone quicker; <see langword="null"/> if it is not ready.</returns>
    protected abstract Task<bool?> IsReadyAsync(int processId, int port, CancellationToken cancellationToken);

    private async Task<bool> WaitUntilReadyAsync(ServerProcess process, int port)
    {
        using var patience = new CancellationTokenSource(StartPatience);
        while (!process.HasExited)
        {
            try
            {
                if (await IsReadyAsync(process.Id, port, patience.Token) is { } isOurs)
                {
                    return isOurs && !process.HasExited;
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

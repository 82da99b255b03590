using System.Collections.Concurrent;
using System.Diagnostics;

namespace DistributedSockets.TestServers;

/// <summary>One run of a server. Whatever becomes of this process, the server's process does not outlive it.</summary>
internal sealed class ServerProcess
{
    private static readonly ConcurrentDictionary<ServerProcess, bool> All = new();

    private readonly Process _process;
    private readonly Process? _watchdog;
    private readonly DirectoryInfo _directory;
    private readonly string _log;
    private readonly Task _logging;

    static ServerProcess() => AppDomain.CurrentDomain.ProcessExit += static (_, _) =>
    {
        foreach (var process in All.Keys)
        {
            process.KillAll();
            process.DeleteDirectory();
        }
    };

    private ServerProcess(Process process, Process? watchdog, DirectoryInfo directory, Task logging, string log)
    {
        (_process, _watchdog, _directory, _logging, _log) = (process, watchdog, directory, logging, log);
        All[this] = true;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public static ServerProcess Start(string name, ProcessStartInfo info)
    {
        var directory = Directory.CreateTempSubdirectory($"{name}-");
        info.WorkingDirectory = directory.FullName;
        info.RedirectStandardInput = true;
        info.RedirectStandardOutput = true;
        info.RedirectStandardError = true;
        var process = Process.Start(info)!;
        var log = Path.Combine(directory.FullName, "server.log");
        return new ServerProcess(process, StartWatchdog(process.Id), directory, LogAsync(process, log), log);
    }

    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        await kill.WaitForExitAsync();
        if (kill.ExitCode != 0)
        {
            throw new InvalidOperationException($"The signal {signal} did not reach process {_process.Id}.");
        }
    }

    /// <summary>What the process has said so far.</summary>
    public async Task<string> ReadLogAsync()
    {
        await using var file = new FileStream(_log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync();
    }

    /// <summary>Stops every thread of the process; the signal alone returns before they have.</summary>
    public async Task PauseAsync()
    {
        await SignalAsync("STOP");
        var threads = $"/proc/{_process.Id}/task";
        while (Directory.Exists(threads) && !Directory.EnumerateDirectories(threads).All(IsStopped))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1));
        }

        static bool IsStopped(string thread)
        {
            try
            {
                // The state follows the name, which stands in parentheses and may hold some itself.
                var stat = File.ReadAllText(Path.Combine(thread, "stat"));
                return stat[stat.LastIndexOf(')') + 2] is 'T' or 't';
            }
            catch (IOException)
            {
                return true; // the thread is gone
            }
        }
    }

    public async Task TerminateAsync(string signal)
    {
        await SignalAsync(signal);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            // It is killed below.
        }

        await EndAsync();
    }

    /// <summary>Kills the process if it still runs, and returns its log.</summary>
    public async Task<string> EndAsync()
    {
        KillAll();
        await _process.WaitForExitAsync();
        await _logging;
        var log = await File.ReadAllTextAsync(_log);
        All.TryRemove(this, out _);
        _process.Dispose();
        _watchdog?.Dispose();
        DeleteDirectory();
        return log;
    }

    /// <summary>Starts a shell that kills the server when our end of its input closes, as it does even if we are killed.</summary>
    private static Process? StartWatchdog(int processId) => OperatingSystem.IsWindows()
        ? null
        : Process.Start(new ProcessStartInfo("sh", ["-c", $"read -r line; kill -9 {processId}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });

    private static async Task LogAsync(Process process, string path)
    {
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        await using var writer = TextWriter.Synchronized(new StreamWriter(file) { AutoFlush = true });
        await Task.WhenAll(CopyAsync(process.StandardOutput), CopyAsync(process.StandardError));

        async Task CopyAsync(StreamReader reader)
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                writer.WriteLine(line);
            }
        }
    }

    private void DeleteDirectory()
    {
        try
        {
            _directory.Delete(recursive: true);
        }
        catch (IOException)
        {
            // The log is still being written as everything ends; the system clears its temporary files.
        }
    }

    private void KillAll()
    {
        // The watchdog goes first: afterwards the process id may belong to somebody else.
        _watchdog?.Kill();
        _process.Kill();
    }
}

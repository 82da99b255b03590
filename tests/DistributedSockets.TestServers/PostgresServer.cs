using System.Diagnostics;
using System.Globalization;

namespace DistributedSockets.TestServers;

/// <summary>The newest PostgreSQL of this machine, as Debian installs it or on the path, with data of its own that restarts keep.</summary>
/// <remarks>PostgreSQL refuses to run as root, so then it runs as the user <c>postgres</c>, whom its package creates.</remarks>
public sealed class PostgresServer : TestServer
{
    private const string User = "postgres";

    private static readonly string? Programs = FindPrograms();
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    private DirectoryInfo? _data;

    /// <summary>Whether <c>initdb</c> and <c>postgres</c> were found.</summary>
    public static bool IsInstalled => Programs is not null;

    /// <inheritdoc/>
    public override bool IsAvailable => IsInstalled;

    /// <summary>The Npgsql connection string of a superuser, who needs no password.</summary>
    public string ConnectionString => $"Host=127.0.0.1;Port={EndPoint.Split(':')[1]};Username={User};Database=postgres";

    /// <inheritdoc/>
    protected override string Name => "postgres";

    /// <summary>Ends the connections of clients instead of waiting for them.</summary>
    protected override string StopSignal => "INT";

    private DirectoryInfo Data => _data!; // made before each start

    private static string[] Prefix => Environment.IsPrivilegedProcess && !OperatingSystem.IsWindows()
        ? ["setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups", "--"]
        : [];

    /// <inheritdoc/>
    protected override async Task PrepareAsync()
    {
        if (_data is null)
        {
            _data = Directory.CreateTempSubdirectory("postgres-data-");
            if (Prefix.Length > 0)
            {
                await RunAsync("chown", $"{User}:", _data.FullName);
            }

            await RunAsync(
                "sh",
                [
                    "-c", "cd \"$0\" && exec \"$@\"", _data.FullName, .. Prefix, Program("initdb"), "--pgdata", _data.FullName,
                    "--username", User, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync",
                ]);
        }

        // After a kill its children notice by themselves and end; until then the data is theirs.
        var started = TimeProvider.System.GetTimestamp();
        while (Directory.Exists("/proc") && Directory.EnumerateDirectories("/proc").Any(IsWorkingOnData))
        {
            if (TimeProvider.System.GetElapsedTime(started) > Guard)
            {
                throw new TestServerException("Processes of a killed postgres do not end.");
            }

            await Task.Delay(PollInterval);
        }
    }

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port) => new(
        "sh",
        [
            "-c", "cd \"$0\" && exec \"$@\"", Data.FullName, .. Prefix, Program("postgres"), "-D", Data.FullName, "-p", $"{port}",
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=32MB", "-c", "fsync=off", .. ExtraArguments,
        ]);

    /// <inheritdoc/>
    protected override async Task<bool?> IsReadyAsync(int processId, int port, CancellationToken cancellationToken)
    {
        // The file by which pg_ctl waits as well: process id first, the state at the end.
        var file = Path.Combine(Data.FullName, "postmaster.pid");
        var lines = File.Exists(file) ? await File.ReadAllLinesAsync(file, cancellationToken) : [];
        return lines.Length > 7 && lines[0] == processId.ToString(CultureInfo.InvariantCulture) && lines[7].Trim() == "ready" ? true : null;
    }

    /// <inheritdoc/>
    protected override void DeleteFiles()
    {
        try
        {
            _data?.Delete(recursive: true);
        }
        catch (IOException)
        {
            // Children of a killed server still write as they end; the system clears its temporary files.
        }

        _data = null;
    }

    private static string Program(string name) => Path.Combine(Programs ?? throw new TestServerException("PostgreSQL is not installed."), name);

    private static string? FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        var versions = Directory.Exists(debian)
            ? Directory.EnumerateDirectories(debian).OrderByDescending(
                static version => int.TryParse(Path.GetFileName(version), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0)
            : Enumerable.Empty<string>();
        return OperatingSystem.IsWindows() ? null : versions.Select(static version => Path.Combine(version, "bin"))
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(static directory => File.Exists(Path.Combine(directory, "initdb")) && File.Exists(Path.Combine(directory, "postgres")));
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        using var guard = new CancellationTokenSource(Guard);
        var output = process.StandardOutput.ReadToEndAsync(guard.Token);
        var errors = process.StandardError.ReadToEndAsync(guard.Token);
        await process.WaitForExitAsync(guard.Token);
        if (process.ExitCode != 0)
        {
            throw new TestServerException($"{program} ended with {process.ExitCode}. It said:\n{await output}{await errors}");
        }
    }

    private bool IsWorkingOnData(string process)
    {
        try
        {
            return new FileInfo(Path.Combine(process, "cwd")).LinkTarget == Data.FullName;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // it has just gone, or belongs to somebody else
        }
    }
}

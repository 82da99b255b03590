using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistributedSockets.TestServers;

/// <summary>The <c>nats-server</c> of this machine.</summary>
public sealed class NatsServer : TestServer
{
    private static readonly string? Executable = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Append("/usr/sbin") // where Debian puts it, and which not every user's path holds
        .Select(directory => Path.Combine(directory, OperatingSystem.IsWindows() ? "nats-server.exe" : "nats-server"))
        .FirstOrDefault(File.Exists);

    private readonly string _name = $"test-{Guid.NewGuid():N}";
    private DirectoryInfo? _directory;
    private int _clusterPort;

    /// <summary>Whether <c>nats-server</c> is on the path.</summary>
    public static bool IsInstalled => Executable is not null;

    /// <inheritdoc/>
    public override bool IsAvailable => IsInstalled;

    /// <summary><c>nats://127.0.0.1:port</c>.</summary>
    public string Url => $"nats://{EndPoint}";

    /// <summary>Whether the server has JetStream at its next start. It keeps its data over restarts.</summary>
    public bool HasJetStream { get; set; }

    /// <summary>Where a server with JetStream keeps its data.</summary>
    public string DataDirectory => Directory.CreateDirectory(Path.Combine((_directory ??= Directory.CreateTempSubdirectory("nats-data-")).FullName, "data")).FullName;

    /// <summary>What stands in the server's configuration file at the next start, for what its command line cannot say.</summary>
    public string? Configuration { get; set; }

    /// <summary>Where other servers of a cluster connect to: <c>127.0.0.1:port</c>, with port 0 outside of one.</summary>
    public string ClusterEndPoint => $"127.0.0.1:{_clusterPort}";

    /// <summary>The server's name in its cluster.</summary>
    public string ServerName => _name;

    /// <inheritdoc/>
    protected override string Name => "nats-server";

    /// <summary>Makes the server part of a cluster at its next start.</summary>
    /// <param name="cluster">The cluster's name.</param>
    /// <param name="routes">Where the other servers are: their <see cref="ClusterEndPoint"/>, or what stands before it.</param>
    public void JoinCluster(string cluster, IEnumerable<string> routes)
    {
        foreach (var argument in new[] { "--cluster_name", cluster, "--cluster", $"nats://{ClusterEndPoint}" })
        {
            ExtraArguments.Add(argument);
        }

        if (string.Join(',', routes.Select(static route => $"nats://{route}")) is { Length: > 0 } urls)
        {
            ExtraArguments.Add("--routes");
            ExtraArguments.Add(urls);
        }
    }

    /// <summary>Finds a free port for <see cref="ClusterEndPoint"/>.</summary>
    public void FindClusterPort() => _clusterPort = FindFreePort();

    /// <summary>Tells the server to shut down gently: it takes no new clients, tells those that it has, and closes them bit by bit.</summary>
    public Task EnterLameDuckModeAsync() => SignalAsync("USR2");

    /// <summary>Has the running server take the <see cref="Configuration"/> as it is now, without ending a connection, and returns when it has.</summary>
    /// <exception cref="TestServerException">It did not take it; the message holds its reason.</exception>
    public Task ReloadAsync()
    {
        WriteConfiguration();
        return SignalAsync("HUP", done: "Reloaded server configuration", failed: "Failed to reload server configuration");
    }

    /// <summary>The line of JSON that the server greets with.</summary>
    public async Task<string> ReadInfoAsync()
    {
        using var guard = new CancellationTokenSource(Guard);
        return await ReadInfoAsync(Port, guard.Token);
    }

    /// <summary>Asks whoever answers to a subject, outside of any client library.</summary>
    /// <param name="subject">The subject, such as one of JetStream's.</param>
    /// <param name="payload">What to send.</param>
    public async Task<string> RequestAsync(string subject, string payload = "")
    {
        const string inbox = "test.answer";
        using var guard = new CancellationTokenSource(Guard);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, guard.Token);
        var stream = client.GetStream();
        var name = $"{inbox}.{Guid.NewGuid():N}";
        await stream.WriteAsync(
            Encoding.UTF8.GetBytes($"CONNECT {{\"verbose\":false}}\r\nSUB {name} 1\r\nPUB {subject} {name} {Encoding.UTF8.GetByteCount(payload)}\r\n{payload}\r\n"), guard.Token);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (await reader.ReadLineAsync(guard.Token) is { } line)
        {
            if (line.StartsWith("MSG ", StringComparison.Ordinal))
            {
                return await reader.ReadLineAsync(guard.Token) ?? "";
            }
        }

        throw new TestServerException($"{EndPoint} closed the connection before anybody had answered to {subject}.");
    }

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port)
    {
        _directory ??= Directory.CreateTempSubdirectory("nats-data-");
        List<string> arguments = ["-a", "127.0.0.1", "-p", $"{port}"];
        if (HasJetStream)
        {
            arguments.AddRange(["-js", "-sd", DataDirectory]);
        }

        if (Configuration is not null)
        {
            arguments.AddRange(["-c", WriteConfiguration()]);
        }
        else
        {
            arguments.AddRange(["--name", _name]);
        }

        return new(Executable ?? throw new TestServerException("nats-server is not on the path."), [.. arguments, .. ExtraArguments]);
    }

    /// <inheritdoc/>
    protected override async Task<bool?> IsReadyAsync(int processId, int port, CancellationToken cancellationToken) =>
        (await ReadInfoAsync(port, cancellationToken)).Contains(_name, StringComparison.Ordinal);

    /// <inheritdoc/>
    protected override void DeleteFiles()
    {
        _directory?.Delete(recursive: true);
        _directory = null;
    }

    private string WriteConfiguration()
    {
        var file = Path.Combine(_directory!.FullName, "nats.conf");
        File.WriteAllText(file, $"server_name: {_name}\n{Configuration}"); // on the command line it would refuse to be reloaded
        return file;
    }

    private static async Task<string> ReadInfoAsync(int port, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        using var reader = new StreamReader(client.GetStream(), Encoding.UTF8);
        return await reader.ReadLineAsync(cancellationToken) ?? "";
    }
}

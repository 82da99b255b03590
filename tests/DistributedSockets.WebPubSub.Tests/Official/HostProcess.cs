using DistributedSockets.ClusterTests;

namespace DistributedSockets.WebPubSub.Tests.Official;

/// <summary>One test host, in a process of its own.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    internal const string Key = "a key that is known to tests only";

    private const string Listening = "Listening on ";

    private readonly ChildProcess _process;

    private HostProcess(ChildProcess process, string origin) => (_process, Origin) = (process, origin);

    /// <summary>Where it listens: <c>http://127.0.0.1:port</c>.</summary>
    internal string Origin { get; }

    /// <summary>Where it listens, without the scheme.</summary>
    internal string EndPoint => Origin["http://".Length..];

    internal static async Task<HostProcess> StartAsync(params string[] arguments)
    {
        var host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var process = ChildProcess.Start(
            "test host", host, [OfficialPackages.Path("TestHostPath"), "--port", "0", "--key", Key, "--window", "30", "--until-stdin-closes", .. arguments]);
        try
        {
            var line = await process.LineAsync(static line => line.StartsWith(Listening, StringComparison.Ordinal)).Guarded("start of a test host");
            return new(process, line[Listening.Length..].TrimEnd('/'));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the process at once, as <c>kill -9</c> does.</summary>
    internal async Task KillAsync()
    {
        _process.Kill();
        await _process.ExitAsync();
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}

using System.Diagnostics;

namespace DistributedSockets.TestServers;

/// <summary>One sentinel of a <see cref="SentinelGroup"/>.</summary>
/// <param name="service">The name of what is watched.</param>
/// <param name="primaryPort">Where the primary is at first.</param>
internal sealed class RedisSentinel(string service, int primaryPort) : RespServer
{
    private const int Quorum = 2;

    private DirectoryInfo? _directory;

    /// <inheritdoc/>
    public override bool IsAvailable => RedisServer.IsInstalled;

    /// <inheritdoc/>
    protected override string Name => "redis-sentinel";

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port)
    {
        // A sentinel keeps its state in its configuration file, so that is written once, and must be its own.
        if (_directory is null)
        {
            _directory = Directory.CreateTempSubdirectory("sentinel-");
            File.WriteAllLines(
                ConfigurationFile(),
                [
                    "bind 127.0.0.1",
                    "sentinel announce-ip 127.0.0.1",
                    $"sentinel monitor {service} 127.0.0.1 {primaryPort} {Quorum}",
                    $"sentinel down-after-milliseconds {service} {SentinelGroup.DownAfter.TotalMilliseconds}",
                    $"sentinel failover-timeout {service} {SentinelGroup.FailoverTimeout.TotalMilliseconds}",
                ]);
        }

        return new(RedisServer.Program, [ConfigurationFile(), "--sentinel", "--port", $"{port}", "--dir", _directory.FullName]);
    }

    /// <inheritdoc/>
    protected override bool IsOurs(int processId, string info) => RedisServer.IsFrom(processId, info);

    /// <inheritdoc/>
    protected override void DeleteFiles()
    {
        _directory?.Delete(recursive: true);
        _directory = null;
    }

    private string ConfigurationFile() => Path.Combine(_directory!.FullName, "sentinel.conf"); // made at the first start
}

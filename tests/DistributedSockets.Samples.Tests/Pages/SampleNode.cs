using System.Diagnostics;
using DistributedSockets.TestServers;

namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>A sample in a process of its own, as one node over Redis.</summary>
/// <param name="program">The path of the program.</param>
/// <param name="redis">Where Redis is.</param>
internal sealed class SampleNode(string program, Func<string> redis) : TestServer
{
    /// <summary>Where its page is.</summary>
    public Uri Address => new($"http://{EndPoint}/");

    /// <summary>Whether it reaches the backplane and the session store.</summary>
    public async Task<bool> IsHealthyAsync()
    {
        using var client = new HttpClient();
        return await client.GetStringAsync(new Uri(Address, "health"), TestContext.Current.CancellationToken) == "Healthy";
    }

    /// <inheritdoc/>
    protected override string Name => Path.GetFileNameWithoutExtension(program);

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port)
    {
        var host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var info = new ProcessStartInfo(host, [program, "--redis", redis(), "--port", $"{port}", .. ExtraArguments]);
        info.Environment["DistributedWebSockets__HeartbeatInterval"] = "00:00:01"; // so that a killed node is missed soon
        info.Environment["DistributedWebSockets__LeaseExpiry"] = "00:00:04";
        return info;
    }

    /// <inheritdoc/>
    protected override async Task<bool?> IsReadyAsync(int processId, int port, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        try
        {
            using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/health"), cancellationToken);
            return answer.IsSuccessStatusCode ? true : null; // a sample whose port is taken ends by itself
        }
        catch (HttpRequestException)
        {
            return null; // nobody listens yet
        }
    }
}

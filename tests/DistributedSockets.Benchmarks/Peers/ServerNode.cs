using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>One process of a peer. It ends when its input closes, so it does not outlive this program however that ends.</summary>
internal sealed class ServerNode : IAsyncDisposable
{
    private const string Listening = "Listening on ";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromMinutes(2) };

    private readonly Process _process;
    private readonly Task _emptying; // of its output, so that it never waits for a reader
    private readonly Uri _address;

    private ServerNode(Process process, Task emptying, Uri address)
    {
        _process = process;
        _emptying = emptying;
        _address = address;
        EndPoint = new(IPAddress.Loopback, address.Port);
    }

    public IPEndPoint EndPoint { get; }

    public double CpuSeconds => ProcessUsage.CpuSeconds(_process.Id);

    public double ResidentKiB => ProcessUsage.ResidentKiB(_process.Id);

    public static async Task<ServerNode> StartAsync(Peer peer, int number, string redis, bool compressed, bool logged, bool resumable = false)
    {
        var info = PeerPrograms.StartInfo(peer, number, redis, compressed);
        if (logged)
        {
            info.Environment["DistributedWebSockets__LogAll"] = "true";
            info.Environment["DistributedWebSockets__LogUsers"] = "true";
            info.Environment["DistributedWebSockets__LoggedGroups__0"] = "*";
        }

        if (resumable)
        {
            info.Environment["DistributedWebSockets__EnableResume"] = "true";
        }

        info.RedirectStandardInput = true;
        info.RedirectStandardOutput = true;
        info.RedirectStandardError = true;
        var process = Process.Start(info)!;
        process.ErrorDataReceived += static (_, line) =>
        {
            if (line.Data is not null)
            {
                Console.Error.WriteLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
        using var patience = new CancellationTokenSource(s_patience);
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith(Listening, StringComparison.Ordinal))
            {
                return new(process, process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None), new(line[Listening.Length..]));
            }
        }

        await process.WaitForExitAsync(patience.Token);
        throw new InvalidOperationException($"{peer.Key} ended with {process.ExitCode} before it listened.");
    }

    /// <summary>Collects garbage twice, and returns the size of the heap.</summary>
    public async Task<double> CollectAsync()
    {
        await GetAsync("/gc");
        return await GetAsync("/gc");
    }

    /// <summary>Bytes that the process has ever allocated on its heap (.NET only).</summary>
    public Task<double> AllocatedAsync() => GetAsync("/allocated");

    /// <summary>Ends it at once, as <c>kill -9</c> does.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            // It drains in its own time, which nobody here waits for.
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        await _emptying;
        _process.Dispose();
    }

    private async Task<double> GetAsync(string path)
    {
        var text = await s_http.GetStringAsync(new Uri(_address, path));
        return double.Parse(text, CultureInfo.InvariantCulture);
    }
}

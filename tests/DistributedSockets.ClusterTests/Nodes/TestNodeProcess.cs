using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace DistributedSockets.ClusterTests;

/// <summary>One test node, in a process of its own.</summary>
internal sealed class TestNodeProcess : IAsyncDisposable
{
    private const string Listening = "Listening on ";

    private readonly ChildProcess _process;

    private TestNodeProcess(ChildProcess process, Uri address, NodeSettings settings)
    {
        _process = process;
        Address = address;
        Settings = settings;
        Http = new HttpClient
        {
            BaseAddress = address,
            Timeout = Guard.Limit,
            DefaultRequestVersion = settings.Http2 ? HttpVersion.Version20 : HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public NodeSettings Settings { get; }

    public Uri Address { get; }

    public HttpClient Http { get; }

    /// <summary>The id it has for as long as it runs.</summary>
    public string NodeId { get; private set; } = "";

    public int ProcessId => _process.Id;

    public static async Task<TestNodeProcess> StartAsync(NodeSettings settings)
    {
        var host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var process = ChildProcess.Start(
            $"node {settings.Name}", host, [TestFiles.TestNode, "--port", "0", "--until-stdin-closes", .. settings.Arguments()], settings.Environment());
        try
        {
            var line = await process.LineAsync(static line => line.StartsWith(Listening, StringComparison.Ordinal)).Guarded($"start of node {settings.Name}");
            var node = new TestNodeProcess(process, new Uri(line[Listening.Length..]), settings);
            await Guard.UntilAsync(node.IsReadyAsync, $"readiness of node {settings.Name}");
            node.NodeId = (await node.GetAsync<NodeAnswer>("/node")).NodeId;
            return node;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public static async Task<TestNodeProcess[]> StartAsync(params NodeSettings[] settings) => await Task.WhenAll(settings.Select(StartAsync));

    /// <summary>The address of the WebSocket endpoint.</summary>
    public Uri Endpoint(string? user = null, string? groups = null, string path = "/ws") => new UriBuilder(Address)
    {
        Scheme = Uri.UriSchemeWs,
        Path = path,
        Query = string.Join('&', new[] { user is null ? "" : $"u={Uri.EscapeDataString(user)}", groups is null ? "" : $"g={Uri.EscapeDataString(groups)}" }.Where(static part => part.Length > 0)),
    }.Uri;

    /// <summary>Connects with .NET's client, and waits until the node has made the joins.</summary>
    public Task<DotNetClient> ConnectAsync(string? user = null, string? groups = null, string path = "/ws") =>
        DotNetClient.ConnectAsync(Endpoint(user, groups, path), Settings.Http2);

    public async Task<HttpStatusCode> SendAsync(string target, string payload)
    {
        using var response = await Http.PostAsync($"/send/{target}", new StringContent(payload), TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    public async Task<CommandAnswer> CommandAsync(object command)
    {
        using var response = await Http.PostAsJsonAsync("/command", command, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<CommandAnswer>(TestContext.Current.CancellationToken))!; // never null by contract
    }

    public async Task<SessionAnswer[]> SessionsAsync(string query) => await GetAsync<SessionAnswer[]>($"/sessions?{query}");

    /// <summary>All sessions.</summary>
    public Task<SessionAnswer[]> SessionsAsync() => SessionsAsync("");

    public async Task<NodeAnswer[]> NodesAsync() => await GetAsync<NodeAnswer[]>("/nodes");

    /// <summary>The sizes of the hub's groups, as texts of name and size.</summary>
    public async Task<string[]> GroupsAsync(bool largest = false) =>
        [.. (await GetAsync<JsonElement>($"/groups?largest={largest}")).GetProperty("groups").EnumerateArray().Select(static group => $"{group.GetProperty("group")}: {group.GetProperty("connections")}")];

    public async Task<EventAnswer[]> EventsAsync() => await GetAsync<EventAnswer[]>("/events");

    public async Task<string[]> RosterAsync() => await GetAsync<string[]>("/roster");

    public async Task<bool> IsOnlineAsync(string user) => (await GetAsync<JsonElement>($"/online/{user}")).GetProperty("online").GetBoolean();

    public async Task<long> CollectAsync() => await GetAsync<long>("/gc");

    /// <summary>Tells how many bytes it has allocated since its start.</summary>
    public async Task<long> AllocatedAsync() => await GetAsync<long>("/allocated");

    public async Task<Dictionary<string, double>> MetricsAsync() => await GetAsync<Dictionary<string, double>>("/metrics");

    public async Task<double> MetricAsync(string name) => (await MetricsAsync()).GetValueOrDefault(name);

    /// <summary>What the readiness check says: <c>Healthy</c>, <c>Degraded</c> or <c>Unhealthy</c>.</summary>
    public Task<string> ReadinessAsync() => GetTextAsync("/health/ready");

    /// <summary>The readiness check's status and why it is not better.</summary>
    public Task<string> HealthAsync() => GetTextAsync("/health/why");

    /// <summary>Sets the node's clock off the true time.</summary>
    public async Task JumpClockAsync(TimeSpan offset)
    {
        using var response = await Http.PostAsync($"/clock?offset={offset:c}", null, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Ends the process at once, as <c>kill -9</c> does.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.ExitAsync();
    }

    /// <summary>Asks the process to stop, as an orchestrator does.</summary>
    public void Terminate() => _process.Signal(Signal.Terminate);

    /// <summary>Stops the process from running for a while, as a long pause does.</summary>
    public void Freeze() => _process.Signal(Signal.Freeze);

    public void Thaw() => _process.Signal(Signal.Thaw);

    public Task<int> ExitAsync() => _process.ExitAsync();

    public bool HasExited => _process.HasExited;

    public string Output() => _process.Output();

    /// <summary>Ends the process at once, but not before it has told of exceptions that nobody observed.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!HasExited)
            {
                await CollectAsync();
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            // It is ending, or cannot answer any more; what it printed until now is known.
        }

        Http.Dispose();
        await _process.DisposeAsync();
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_process.HasExited)
        {
            throw new InvalidOperationException($"The node ended at its start.{Environment.NewLine}{_process.Output()}");
        }

        using var response = await Http.GetAsync("/health/ready", TestContext.Current.CancellationToken);
        return response.IsSuccessStatusCode;
    }

    private async Task<string> GetTextAsync(string path)
    {
        using var response = await Http.GetAsync(path, TestContext.Current.CancellationToken);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    private async Task<T> GetAsync<T>(string path) =>
        (await Http.GetFromJsonAsync<T>(path, TestContext.Current.CancellationToken))!; // the node never answers null
}

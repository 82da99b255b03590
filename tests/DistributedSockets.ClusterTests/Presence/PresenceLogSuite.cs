namespace DistributedSockets.ClusterTests;

/// <summary>Processes that note what they tell of presence, so that nothing told twice or not at all escapes.</summary>
public abstract class PresenceLogSuite : IAsyncLifetime
{
    private readonly DirectoryInfo _log = Directory.CreateTempSubdirectory("presence-");
    private readonly string _prefix = SharedCluster.Unique("presence");
    private readonly List<TestNodeProcess> _nodes = [];

    public async ValueTask InitializeAsync() => await StartServersAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await DisposeServersAsync();
        _log.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected abstract Task StartServersAsync();

    private protected abstract IReadOnlyList<string> NodeArguments();

    private protected abstract ValueTask DisposeServersAsync();

    private protected async Task<TestNodeProcess> StartAsync(string name)
    {
        var node = await TestNodeProcess.StartAsync(new NodeSettings
        {
            Name = name,
            Prefix = _prefix,
            Transport = NodeArguments(),
            PresenceLog = _log.FullName,
            Options = new Dictionary<string, string>
            {
                ["HeartbeatInterval"] = "00:00:00.5", ["LeaseExpiry"] = "00:00:03", ["Hubs__testnode__Presence"] = "UsersAndGroups",
            },
        });
        _nodes.Add(node);
        return node;
    }

    /// <summary>Waits until all processes together have told exactly this, the dead ones included. What is told twice shows at the next wait at the latest.</summary>
    private protected Task UntilToldAsync(IEnumerable<string> changes)
    {
        var expected = string.Join(", ", changes.Order(StringComparer.Ordinal));
        return Guard.UntilAsync(() => Task.FromResult(Told()), told => told == expected, $"this is told: {expected}");
    }

    private string Told() => string.Join(", ", _log.GetFiles().SelectMany(static file => ReadLines(file.FullName)).Order(StringComparer.Ordinal));

    private static string[] ReadLines(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}

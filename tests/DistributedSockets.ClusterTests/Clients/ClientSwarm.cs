namespace DistributedSockets.ClusterTests;

/// <summary>Several clients of one node, closed together.</summary>
internal sealed class ClientSwarm : IAsyncDisposable
{
    private readonly List<DotNetClient> _clients = [];

    public IReadOnlyList<DotNetClient> Clients => _clients;

    /// <summary>Connects users <c>user0</c>, <c>user1</c> and so on.</summary>
    /// <returns>Their connection ids.</returns>
    public async Task<string[]> ConnectAsync(TestNodeProcess node, int count, string? groups = null)
    {
        var connected = await Task.WhenAll(Enumerable.Range(0, count).Select(i => node.ConnectAsync($"user{i}", groups)));
        _clients.AddRange(connected);
        return [.. connected.Select(static client => client.ConnectionId)];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }
    }
}

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>A client of <c>resume.v1.distributedsockets</c> that has received nothing.</summary>
internal sealed class ResumingClient : IAsyncDisposable
{
    private readonly NodeClient _client;

    private ResumingClient(NodeClient client, string id, string token) => (_client, Id, Token) = (client, id, token);

    internal string Id { get; }

    internal string Token { get; }

    /// <summary>Connects for a new session, or to go on with one.</summary>
    internal static async Task<ResumingClient> ConnectAsync(RedisNode node, ResumingClient? resumed = null, string? user = null)
    {
        var client = await NodeClient.ConnectAsync(
            new(node.Address, $"/chat{(user is null ? "" : $"?u={user}")}"),
            options =>
            {
                options.AddSubProtocol("resume.v1.distributedsockets");
                if (resumed is not null)
                {
                    options.AddSubProtocol($"resume.{resumed.Id}.{resumed.Token}.0");
                }
            });
        var words = (await client.ReceiveAsync()).TrimEnd('\n').Split(' ');
        Assert.Equal("s", words[0]);
        return new(client, words[1], words[2]);
    }

    internal Task SendAsync(string text) => _client.SendAsync(text);

    internal Task<string> ReceiveAsync() => _client.ReceiveAsync();

    /// <summary>Goes without a word.</summary>
    internal void Vanish() => _client.Socket.Abort();

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}

using System.Text.Json.Nodes;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>What an administrator, or anybody else on the server, can do to the store's buckets.</summary>
internal sealed class Bucket(string url, string prefix) : IAsyncDisposable
{
    private readonly NatsConnection _connection = new(NatsOpts.Default with { Url = url });
    private readonly NatsSessionKeys _keys = new(prefix);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public NatsSessionKeys Keys => _keys;

    public string NodesStream => "KV_" + _keys.NodesBucket;

    public string SessionsStream => "KV_" + _keys.SessionsBucket;

    public string SessionKey(Session session) => _keys.Session(
        NatsKeyToken.Encode(session.NodeId), NatsKeyToken.Encode(session.Hub), NatsSessionKeys.Connection(session.NodeId, session.ConnectionId));

    public async Task<JsonNode> AskAsync(string subject, byte[]? payload)
    {
        var answer = await _connection.RequestAsync<byte[]?, byte[]>(subject, payload, cancellationToken: Cancellation);
        return JsonNode.Parse(answer.Data!)!;
    }

    public Task<JsonNode> AskStreamAsync(string request, string stream, string payload = "") =>
        AskAsync($"$JS.API.STREAM.{request}.{stream}", System.Text.Encoding.UTF8.GetBytes(payload));

    public async Task PutAsync(string key, byte[] value) => Assert.Null((await AskAsync(key, value))["error"]);

    public async Task PurgeAsync(string stream, string filter)
    {
        var answer = await AskStreamAsync("PURGE", stream, new JsonObject { ["filter"] = filter }.ToJsonString());
        Assert.NotEqual(0, (int)answer["purged"]!);
    }

    public async Task DeleteAsync(string stream) => Assert.Null((await AskStreamAsync("DELETE", stream))["error"]);

    /// <summary>All keys of both buckets, but for the clock.</summary>
    public async Task<string[]> KeysAsync()
    {
        var keys = new List<string>();
        foreach (var stream in new[] { NodesStream, SessionsStream })
        {
            var info = await AskStreamAsync("INFO", stream, """{"subjects_filter":">"}""");
            keys.AddRange(info["state"]!["subjects"]?.AsObject().Select(static subject => subject.Key) ?? []);
        }

        return [.. keys.Where(key => key != _keys.Clock)];
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}

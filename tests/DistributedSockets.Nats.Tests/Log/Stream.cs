using System.Text;
using System.Text.Json.Nodes;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Log;

/// <summary>What an administrator, or anybody else on the server, sees of the log's streams, and can do to them.</summary>
internal sealed class Stream(string url, string prefix, string hub) : IAsyncDisposable
{
    private readonly NatsConnection _connection = new(NatsOpts.Default with { Url = url });

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public NatsConnection Connection => _connection;

    public NatsLogNames Names { get; } = new(prefix, hub);

    public async Task<JsonNode> AskAsync(string subject, string payload = "")
    {
        var answer = await _connection.RequestAsync<byte[], byte[]>(subject, Encoding.UTF8.GetBytes(payload), cancellationToken: Cancellation);
        return JsonNode.Parse(answer.Data!)!;
    }

    public Task<JsonNode> AskStreamAsync(string request, long epoch, string payload = "") =>
        AskAsync($"$JS.API.STREAM.{request}.{Names.Stream(epoch).Name}", payload);

    /// <summary>The name of the server that leads the stream.</summary>
    public async Task<string> LeaderAsync(long epoch) => (string)(await AskStreamAsync("INFO", epoch))["cluster"]!["leader"]!;

    /// <summary>The epochs of which there are streams.</summary>
    public async Task<long[]> EpochsAsync() =>
        [.. (await AskAsync("$JS.API.STREAM.NAMES", new JsonObject { ["subject"] = Names.AllSubjects }.ToJsonString()))["streams"]?.AsArray().Select(name => Names.EpochOf((string)name!)!.Value) ?? []];

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}

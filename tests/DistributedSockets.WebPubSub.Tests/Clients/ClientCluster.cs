using System.Text.Json.Nodes;
using DistributedSockets.Testing;
using DistributedSockets.WebPubSub.Tests.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.WebPubSub.Tests.Clients;

/// <summary>Two nodes that serve the hub <c>chat</c>.</summary>
public sealed class ClientCluster : IAsyncLifetime
{
    internal const string Json = "json.webpubsub.azure.v1";
    internal const string ReliableJson = "json.reliable.webpubsub.azure.v1";
    internal const string Protobuf = "protobuf.webpubsub.azure.v1";
    internal const string ReliableProtobuf = "protobuf.reliable.webpubsub.azure.v1";

    private static int s_names;

    public FakeCluster Cluster { get; private set; } = null!;

    internal TestEvents Events { get; } = new();

    public async ValueTask InitializeAsync() => Cluster = await FakeCluster.StartAsync(2, options => options
        .ConfigureServices(services => services.AddSingleton<IClientEvents>(Events))
        .ConfigureSockets(builder => builder.AddWebPubSub(web =>
        {
            web.AccessKey = TestTokens.Key;
            web.Hubs.Add("Chat");
            web.Hubs.Add("other");
        }))
        .ConfigureApp(app => app.MapWebPubSub()));

    public async ValueTask DisposeAsync() => await Cluster.DisposeAsync();

    /// <summary>A name that no other test uses.</summary>
    internal static string NewName(string what) => $"{what}-{Interlocked.Increment(ref s_names)}";

    internal string Token(string? user = null, string[]? roles = null, string[]? groups = null, string hub = "chat", DateTimeOffset? expires = null)
    {
        var claims = new JsonObject { ["aud"] = $"http://localhost/client/hubs/{hub}" };
        if (user is not null)
        {
            claims["sub"] = user;
        }

        if (roles is not null)
        {
            claims["role"] = new JsonArray([.. roles.Select(role => JsonValue.Create(role))]);
        }

        if (groups is not null)
        {
            claims["webpubsub.group"] = new JsonArray([.. groups.Select(group => JsonValue.Create(group))]);
        }

        if (expires is { } time)
        {
            claims["exp"] = time.ToUnixTimeSeconds();
        }

        return TestTokens.Sign(claims, now: Cluster.Time.GetUtcNow());
    }

    /// <summary>Connects a client that may do everything unless <paramref name="roles"/> say otherwise, and reads its <c>connected</c>.</summary>
    internal async Task<JsonClient> ConnectAsync(
        int node = 0, string protocol = Json, string? user = null, string[]? roles = null, string[]? groups = null, string hub = "chat")
    {
        var token = Token(user, roles ?? ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"], groups, hub);
        var client = new JsonClient(this, await OpenAsync($"/client/hubs/{hub}?access_token={token}", node, protocol), $"/client/hubs/{hub}?access_token={token}", protocol);
        client.Hello = await client.ReceiveAsync();
        return client;
    }

    internal Task<FakeClient> OpenAsync(string path, int node = 0, params string[] protocols) => Cluster.ConnectAsync(
        node,
        path,
        configure: options =>
        {
            foreach (var protocol in protocols)
            {
                options.SubProtocols.Add(protocol);
            }
        },
        cancellationToken: TestContext.Current.CancellationToken);
}

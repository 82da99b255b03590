using System.Text.Json.Nodes;
using DistributedSockets.Testing;

namespace DistributedSockets.WebPubSub.Tests.Clients;

/// <summary>A client that speaks JSON.</summary>
internal sealed class JsonClient(ClientCluster cluster, FakeClient socket, string path, string protocol)
{
    internal FakeClient Socket => socket;

    /// <summary>The frame <c>connected</c>.</summary>
    internal JsonNode Hello { get; set; } = null!;

    internal string ConnectionId => (string)Hello["connectionId"]!;

    internal Task SendAsync(string frame) => socket.SendAsync(frame, TestContext.Current.CancellationToken);

    internal Task<string> ReceiveTextAsync() => socket.ReceiveTextAsync(TestContext.Current.CancellationToken);

    internal async Task<JsonNode> ReceiveAsync() => JsonNode.Parse(await ReceiveTextAsync())!;

    /// <summary>Sends a request and reads until its ack; what else comes is put into <paramref name="others"/>.</summary>
    internal async Task<JsonNode> AskAsync(string frame, List<string>? others = null)
    {
        await SendAsync(frame);
        while (true)
        {
            var text = await ReceiveTextAsync();
            var answer = JsonNode.Parse(text)!;
            if ((string?)answer["type"] == "ack")
            {
                return answer;
            }

            others?.Add(text);
        }
    }

    internal async Task JoinAsync(string group, ulong ackId = 1_000)
    {
        var ack = await AskAsync($$"""{"type":"joinGroup","group":"{{group}}","ackId":{{ackId}}}""");
        Assert.True((bool)ack["success"]!, ack.ToJsonString());
    }

    /// <summary>All that comes up to the answer to a ping, which says that there is no more.</summary>
    internal async Task<List<string>> ReadAllAsync()
    {
        var all = new List<string>();
        await SendAsync("""{"type":"ping"}""");
        while (await ReceiveTextAsync() is var text && text != """{"type":"pong"}""")
        {
            all.Add(text);
        }

        return all;
    }

    /// <summary>Comes back with the reconnection token, as the official clients do.</summary>
    internal async Task<JsonClient> RecoverAsync(int node, string? token = null, string? subProtocol = null)
    {
        var query = $"&awps_connection_id={Uri.EscapeDataString(ConnectionId)}&awps_reconnection_token={Uri.EscapeDataString(token ?? (string)Hello["reconnectionToken"]!)}";
        return new(cluster, await cluster.OpenAsync(path + query, node, subProtocol ?? protocol), path, protocol) { Hello = Hello };
    }
}

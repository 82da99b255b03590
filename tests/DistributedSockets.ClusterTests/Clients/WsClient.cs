using System.Text.Json.Nodes;

namespace DistributedSockets.ClusterTests;

/// <summary>One client of the <c>ws</c> package.</summary>
internal sealed class WsClient(WsDriver driver, string id) : TestClient
{
    private bool _open;

    /// <summary>The extensions that were agreed on.</summary>
    public string Extensions { get; private set; } = "";

    /// <summary>Makes a handshake that must succeed, and waits until the node has made the joins.</summary>
    public async Task<WsClient> OpenAsync(Uri endpoint, JsonObject? options = null)
    {
        var answer = await ConnectAsync(endpoint, options);
        Assert.True(answer["status"] is null, $"The handshake was refused with {answer["status"]}: {answer["body"]}");
        Extensions = answer["extensions"]!.GetValue<string>(); // always there after success
        _open = true;
        await IdentifyAsync();
        return this;
    }

    /// <summary>Makes a handshake; the answer has a status, headers and a body if it was refused.</summary>
    public async Task<JsonObject> ConnectAsync(Uri endpoint, JsonObject? options = null, params string[] protocols)
    {
        var parameters = new JsonObject { ["url"] = endpoint.ToString(), ["options"] = options ?? [], ["protocols"] = Array(protocols) };
        return (await driver.CallAsync("socket", id, "connect", parameters))!.AsObject(); // connect always answers with an object
    }

    public override Task SendAsync(string text) => SendAsync([text]);

    /// <summary>Sends one message in several frames.</summary>
    public Task SendAsync(string[] fragments) => CallAsync("send", new() { ["fragments"] = Array(fragments) });

    public Task SendBinaryAsync(params byte[][] fragments) =>
        CallAsync("send", new() { ["fragments"] = Array(fragments.Select(Convert.ToBase64String)), ["binary"] = true });

    public Task PingAsync(string text) => CallAsync("ping", new() { ["text"] = text });

    /// <summary>Begins the close handshake; the answer is the close event.</summary>
    public Task CloseAsync(int? code = null, string? reason = null)
    {
        _open = false;
        return CallAsync("close", new() { ["code"] = code, ["reason"] = reason });
    }

    /// <summary>Goes away without a word.</summary>
    public Task TerminateAsync()
    {
        _open = false;
        return CallAsync("terminate", []);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_open)
        {
            await CloseAsync();
        }
    }

    internal void OnEvent(JsonObject happened)
    {
        var text = happened["text"]?.GetValue<string>() ?? "";
        var data = happened["data"] is { } base64 ? Convert.FromBase64String(base64.GetValue<string>()) : null;
        Happened(new(happened["event"]!.GetValue<string>(), text, happened["code"]?.GetValue<int>() ?? 0, data)); // an event has a name
    }

    private static JsonArray Array(IEnumerable<string> values) => new([.. values.Select(static value => (JsonNode)value)]);

    private async Task CallAsync(string command, JsonObject parameters) => await driver.CallAsync("socket", id, command, parameters);
}

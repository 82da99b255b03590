using System.Net;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Docs.Tests;

/// <summary>The programs of README and getting-started do what their pages say.</summary>
public sealed class SnippetProgramTests
{
    private static readonly string[] s_anyPort = ["--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=Warning"];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readme_MessageFromOneClient_ReachesTheLobby()
    {
        await using var app = Snippets.Readme.ReadmeProgram.Build(s_anyPort);
        await app.StartAsync(Cancelled);
        using var alice = await ConnectAsync(app, "/chat");
        using var bob = await ConnectAsync(app, "/chat");

        await SendAsync(alice, "first");
        Assert.Equal("first", await ReceiveAsync(alice));
        await SendAsync(bob, "second");

        Assert.Equal("second", await ReceiveAsync(alice));
    }

    [Fact]
    public async Task Readme_NotifyOfAnyone_IsAccepted()
    {
        await using var app = Snippets.Readme.ReadmeProgram.Build(s_anyPort);
        await app.StartAsync(Cancelled);
        using var http = new HttpClient { BaseAddress = new(app.Urls.Single()) };

        using var answer = await http.PostAsJsonAsync("/notify/alice", new { title = "Hello", text = "For you." }, Cancelled);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Fact]
    public async Task Json_MessagesOfEachType_GoToTheirMethodsAndWhatIsWrongIsAnswered()
    {
        await using var app = Snippets.Json.JsonProgram.Build(s_anyPort);
        await app.StartAsync(Cancelled);
        using var alice = await ConnectAsync(app, "/room");

        await SendAsync(alice, """{"type":"say","text":"too early"}""");
        Assert.Equal("""{"type":"refused","of":"say","reason":"Join a room first."}""", await ReceiveAsync(alice));
        await SendAsync(alice, """{"type":"join","room":"tea"}""");
        await SendAsync(alice, """{"type":"say","text":"hello"}""");
        Assert.Equal("""{"type":"said","text":"hello"}""", await ReceiveAsync(alice));
        await SendAsync(alice, """{"type":"shout","text":"hello"}""");
        Assert.Contains("unknown_type", await ReceiveAsync(alice));
        await SendAsync(alice, """{"type":"leave"}""");
        await SendAsync(alice, """{"type":"say"}"""); // no longer in a room: whether anything is said at all is the method's to check
        Assert.Contains("Join a room first.", await ReceiveAsync(alice));
    }

    [Fact]
    public async Task GettingStarted_TwoNodes_ChatPushAndPresenceCrossBetweenThem()
    {
        var cluster = new InMemoryCluster();
        await using var first = Snippets.GettingStarted.GettingStartedProgram.Build(s_anyPort, Share);
        await using var second = Snippets.GettingStarted.GettingStartedProgram.Build(s_anyPort, Share);
        await first.StartAsync(Cancelled);
        await second.StartAsync(Cancelled);
        using var alice = await ConnectAsync(first, "/chat?user=alice");
        Assert.Equal("alice is here", await ReceiveAsync(alice));
        using var bob = await ConnectAsync(second, "/chat?user=bob");
        Assert.Equal("bob is here", await ReceiveAsync(alice));
        Assert.Equal("bob is here", await ReceiveAsync(bob));

        await SendAsync(alice, "hello");
        Assert.Equal("alice: hello", await ReceiveAsync(bob));

        using var http = new HttpClient { BaseAddress = new(second.Urls.Single()) };
        using var answer = await http.PostAsJsonAsync("/notify/alice", new { title = "Hello", text = "For you." }, Cancelled);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("""{"title":"Hello","text":"For you."}""", await ReceiveAsync(alice));
        await Eventually.TrueAsync(
            async () => await http.GetStringAsync("/online/alice", Cancelled) == """{"online":true}""", "alice is online");
        Assert.Equal("""{"online":false}""", await http.GetStringAsync("/online/carol", Cancelled));

        await alice.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancelled);
        Assert.Equal("alice is gone after 1 messages", await ReceiveAsync(bob));

        void Share(WebApplicationBuilder builder) => builder.Services.AddDistributedWebSockets().UseInMemory(cluster);
    }

    private static async Task<ClientWebSocket> ConnectAsync(WebApplication app, string path)
    {
        var client = new ClientWebSocket();
        await client.ConnectAsync(new(app.Urls.Single().Replace("http", "ws", StringComparison.Ordinal) + path), Cancelled).WithinGuardAsync();
        return client;
    }

    private static Task SendAsync(ClientWebSocket client, string text) =>
        client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Cancelled).WithinGuardAsync();

    private static async Task<string> ReceiveAsync(ClientWebSocket client)
    {
        var buffer = new byte[4_096];
        var result = await client.ReceiveAsync(buffer, Cancelled).WithinGuardAsync();
        Assert.True(result.EndOfMessage);
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }
}

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
    public async Task Readme_UsersWhoHaveSignedIn_ChatAndAreNotified()
    {
        await using var app = Snippets.Readme.ReadmeProgram.Build([.. s_anyPort, "--environment=Development"]);
        await app.StartAsync(Cancelled);
        using var alice = await VisitorOf(app).SignInAsync("alice");
        using var bob = await VisitorOf(app).SignInAsync("bob");
        using var aliceSocket = await alice.ConnectAsync("/chat");
        using var bobSocket = await bob.ConnectAsync("/chat");

        await SendAsync(aliceSocket, "first");
        Assert.Equal("first", await ReceiveAsync(aliceSocket));
        await SendAsync(bobSocket, "second");
        Assert.Equal("second", await ReceiveAsync(aliceSocket));

        using var answer = await bob.Http.PostAsJsonAsync("/notify/alice", new { title = "Hello", text = "For you." }, Cancelled);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("""{"title":"Hello","text":"For you."}""", await ReceiveAsync(aliceSocket));
    }

    [Fact]
    public async Task Programs_AddressOpenedInABrowser_IsAPageWhoseConsoleMayConnect()
    {
        await using var readme = Snippets.Readme.ReadmeProgram.Build(s_anyPort);
        await using var start = Snippets.GettingStarted.GettingStartedProgram.Build(s_anyPort);
        foreach (var app in new[] { readme, start })
        {
            await app.StartAsync(Cancelled);
            using var browser = VisitorOf(app);
            Assert.NotEmpty(await browser.Http.GetStringAsync("/", Cancelled)); // an error page of the browser may fetch nothing from here
        }
    }

    [Fact]
    public async Task Readme_Strangers_NeitherConnectNorNotifyNorSignInInProduction()
    {
        await using var app = Snippets.Readme.ReadmeProgram.Build(s_anyPort);
        await app.StartAsync(Cancelled);
        using var stranger = VisitorOf(app);

        await Assert.ThrowsAsync<WebSocketException>(() => stranger.ConnectAsync("/chat"));
        using var pushed = await stranger.Http.PostAsJsonAsync("/notify/alice", new { title = "Hello", text = "For you." }, Cancelled);
        Assert.Equal(HttpStatusCode.Unauthorized, pushed.StatusCode);
        using var signedIn = await stranger.Http.PostAsync("/sign-in/alice", null, Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, signedIn.StatusCode);
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

    private static Visitor VisitorOf(WebApplication app) => new(app.Urls.Single());

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

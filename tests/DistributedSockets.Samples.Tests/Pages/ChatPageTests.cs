using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>The chat on two nodes, in a browser, by keyboard alone.</summary>
public sealed class ChatPageTests(Chromium chromium, ChatCluster cluster) : IClassFixture<Chromium>, IClassFixture<ChatCluster>, IAsyncLifetime
{
    private const string Log = ".log:not([hidden])";

    public async ValueTask InitializeAsync() => await cluster.StartAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Pages_OfTwoNodesByKeyboardAlone_DoAllThatAChatDoes()
    {
        await using var alice = await EnterAsync(cluster.First, "alice");
        await using var dora = await EnterAsync(cluster.Second, "dora"); // in no other test: there the session of a page that was closed stays for a while
        await alice.ShowsAsync("#identity", $"alice on node-{cluster.First.Port}");
        await alice.ShowsAsync("#people", "dora");
        await dora.ShowsAsync("#people", "alice");
        await alice.IsNamedAsync();

        await SayAsync(alice, "hello from the first node");
        await dora.ShowsAsync(Log, "hello from the first node");
        await SayAsync(dora, "<b>hello</b> & from the second");
        await alice.ShowsAsync(Log, "<b>hello</b> & from the second");

        // A direct message, to a person picked from the list; the other one finds it unread.
        await alice.TabToAsync("[title='Write to dora']");
        await alice.PressAsync("Enter");
        await alice.HasTheFocusAsync("#text");
        await SayAsync(alice, "for you alone");
        await dora.ShowsAsync("#directs .badge", "1");
        await dora.TabToAsync("#directs button");
        await dora.PressAsync("Enter");
        await dora.ShowsAsync(Log, "for you alone");

        // A room of their own, and out of it again.
        foreach (var page in new[] { alice, dora })
        {
            await page.TabToAsync("#room");
            await page.TypeAsync("tea");
            await page.PressAsync("Enter");
            await page.ShowsAsync("#conversation-title", "#tea");
            await page.HasNoAsync("#rooms .pending");
            await page.HasTheFocusAsync("#text");
        }

        await SayAsync(dora, "who is for tea?");
        await alice.ShowsAsync(Log, "who is for tea?");
        await alice.TabToAsync("#leave");
        await alice.PressAsync("Enter");
        await alice.ShowsNotAsync("#rooms", "#tea");
        await alice.HasTheFocusAsync("#text");

        // What cannot be done is said.
        await dora.TabToAsync("#sign-out");
        await dora.PressAsync("Enter");
        await dora.HasTheFocusAsync("#name");
        await alice.ShowsNotAsync("#people", "dora");
        await alice.TabToAsync("#directs button");
        await alice.PressAsync("Enter");
        await SayAsync(alice, "are you there?");
        await alice.ShowsAsync($"{Log} .error", "dora is not online");
    }

    [Fact]
    public async Task Page_ItsNodeIsKilledInMidConversation_ShowsEachMessageOnceInOrderFromTheOtherNode()
    {
        await RestartAsync([cluster.First, cluster.Second]);
        try
        {
            await using var alice = await EnterAsync(cluster.First, "alice");
            await using var bob = await EnterAsync(cluster.Second, "bob");
            await bob.ShowsAsync("#people", "alice");
            List<string> ofAlice = [], ofBob = [];
            for (var i = 1; i <= 5; i++)
            {
                await SayOneAsync(alice, ofAlice, $"from alice {i}");
                await SayOneAsync(bob, ofBob, $"from bob {i}");
            }

            await cluster.Second.KillAsync();

            for (var i = 6; i <= 10; i++)
            {
                await SayOneAsync(alice, ofAlice, $"from alice {i}");
            }

            await bob.ShowsAsync(Log, $"Connected again, to node-{cluster.First.Port}. Nothing was missed.");
            await bob.ShowsAsync("#identity", $"bob on node-{cluster.First.Port}");
            await bob.HasNoAsync("#rooms .pending");
            await SayOneAsync(bob, ofBob, "from bob 6");
            await bob.ShowsAsync(Log, "from bob 6");
            await SayOneAsync(alice, ofAlice, "from alice 11");
            foreach (var page in new[] { alice, bob })
            {
                await page.ShowsAsync(Log, "from bob 6"); // and so all that was logged before
                await page.ShowsAsync(Log, "from alice 11");
            }

            var shown = await bob.TextsAsync($"{Log} .line p");
            Assert.Equal(shown, await alice.TextsAsync($"{Log} .line p"));
            Assert.Equal(ofAlice, shown.Where(static text => text.StartsWith("from alice", StringComparison.Ordinal)));
            Assert.Equal(ofBob, shown.Where(static text => text.StartsWith("from bob", StringComparison.Ordinal)));
        }
        finally
        {
            await RestartAsync([]);
        }

        static Task SayOneAsync(SamplePage page, List<string> said, string text)
        {
            said.Add(text);
            return SayAsync(page, text);
        }
    }

    [Fact]
    public async Task Page_ItsNodeIsKilledAndBack_ShowsWhatWasSaidMeanwhile()
    {
        await using var alice = await EnterAsync(cluster.First, "alice");
        await using var bob = await EnterAsync(cluster.Second, "bob");
        await alice.ShowsAsync("#people", "bob");

        await cluster.Second.KillAsync();

        await bob.ShowsAsync("#state", "Connection lost. Next try in");
        await bob.ShowsNotAsync("#people", "alice"); // what is not known is not shown
        await SayNothingAsync(bob, "lost in between");
        await SayAsync(alice, "bob hears this later");

        await cluster.Second.StartAsync();
        await bob.FillAsync("");
        await bob.ReconnectAsync();
        await bob.ShowsAsync(Log, $"Connected again, to node-{cluster.Second.Port}. Nothing was missed.");
        await bob.HasNoAsync("#rooms .pending");
        await bob.ShowsAsync("#people", "alice");
        await alice.ShowsAsync("#people", "bob");
        await SayAsync(alice, "welcome back");
        await bob.ShowsAsync(Log, "welcome back");
        Assert.Equal(["bob hears this later", "welcome back"], await bob.TextsAsync($"{Log} .line p"));
    }

    [Fact]
    public async Task Pages_RedisIsKilledAndBack_SayWhatCannotBeDoneAndGoOn()
    {
        await using var alice = await EnterAsync(cluster.First, "alice");
        await using var bob = await EnterAsync(cluster.Second, "bob");
        await using var carol = await EnterAsync(cluster.First, "carol");
        await bob.ShowsAsync("#people", "carol");

        await cluster.Redis.KillAsync();

        await SayAsync(alice, "to nobody");
        await alice.ShowsAsync($"{Log} .error", "The nodes cannot reach each other right now");
        await bob.ShowsAsync("#state", "Connected");
        await using var dave = await EnterAsync(cluster.Second, "dave", isReady: false); // a newcomer meanwhile

        await cluster.Redis.StartAsync(); // without its data, so that there are other sessions now
        await cluster.IsHealthyAsync();
        foreach (var page in new[] { alice, bob, carol, dave })
        {
            if (page != dave) // who came without a session
            {
                await page.ShowsAsync(Log, "What was said meanwhile is not shown"); // the log has begun anew, so each has a new session
            }

            await page.ReconnectAsync();
            await page.HasNoAsync("#rooms .pending");
        }

        await SayAsync(alice, "together again");
        await SayAsync(dave, "hello all");
        foreach (var page in new[] { alice, bob, carol, dave })
        {
            await page.ShowsAsync(Log, "together again");
            await page.ShowsAsync(Log, "hello all");
            await page.ShowsAsync("#state", "Connected");
            await page.ShowsAsync("#people-count", "4");
        }

        Assert.Equal(0, await carol.CountAsync(Log, "to nobody"));
    }

    [Fact]
    public async Task Page_360PixelsWide_NeverScrollsSideways()
    {
        var name = new string('W', 32);
        await using var page = await chromium.OpenAsync(cluster.Second.Address, width: 360);
        await page.FitsAsync();
        await page.TypeAsync(name);
        await page.PressAsync("Enter");
        await page.ShowsAsync("#identity", $"{name} on");
        await page.HasNoAsync("#rooms .pending");
        await page.FitsAsync();
        await SayAsync(page, new string('x', 500));
        await page.ShowsAsync(Log, new string('x', 500));
        await page.FitsAsync();

        await page.TabToAsync("#toggle-sidebar");
        await page.PressAsync("Enter");
        await page.ShowsAsync("#people", name);
        await page.FitsAsync();
        await page.TabToAsync("#room");
        await page.TypeAsync(new string('M', 32));
        await page.FitsAsync();
        await page.PressAsync("Enter");
        await page.ShowsAsync("#conversation-title", "MMM");
        await page.HasTheFocusAsync("#text");
        await page.FitsAsync();

        await cluster.Second.KillAsync();
        await page.ShowsAsync("#state", "Next try in");
        await SayNothingAsync(page, "nobody hears");
        await page.FitsAsync();
    }

    [Theory]
    [InlineData("hello", "A command is a JSON object with a type.")]
    [InlineData("""{"type":"shout"}""", "There is no such command.")]
    [InlineData("""{"type":"say","room":"lobby"}""", "Say needs room and text")]
    [InlineData("""{"type":"say","room":"lobby","text":null}""", "Say needs room and text")]
    [InlineData("""{"type":"say","room":"attic","text":"hello"}""", "Join attic before")]
    public async Task Command_NotOfThePage_IsRefusedInWords(string command, string reason)
    {
        using var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri($"ws://{cluster.First.EndPoint}/chat?name=eve"), TestContext.Current.CancellationToken).WithinGuardAsync();

        await client.SendAsync(Encoding.UTF8.GetBytes(command), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);

        var buffer = new byte[4_096];
        string answer;
        do
        {
            var result = await client.ReceiveAsync(buffer, TestContext.Current.CancellationToken).WithinGuardAsync();
            answer = Encoding.UTF8.GetString(buffer, 0, result.Count);
        }
        while (!answer.Contains("\"refused\"", StringComparison.Ordinal)); // behind a welcome, and who comes and goes
        Assert.Contains(reason, answer);
    }

    private static async Task SayAsync(SamplePage page, string text)
    {
        await page.TabToAsync("#text");
        await page.TypeAsync(text);
        await page.PressAsync("Enter");
    }

    /// <summary>Says something that cannot be sent, which stays where it was typed.</summary>
    private static async Task SayNothingAsync(SamplePage page, string text)
    {
        await SayAsync(page, text);
        await page.ShowsAsync($"{Log} .error", "so this was not sent");
    }

    /// <summary>Starts both nodes anew: the pages of each turn to the others of some nodes when they lose it.</summary>
    private async Task RestartAsync(SampleNode[] known)
    {
        foreach (var node in new[] { cluster.First, cluster.Second })
        {
            if (node.IsRunning)
            {
                await node.StopAsync();
            }

            node.ExtraArguments.Clear();
            foreach (var other in known.Where(other => other != node))
            {
                node.ExtraArguments.Add("--other");
                node.ExtraArguments.Add($"{other.Port}");
            }
        }

        await cluster.StartAsync();
    }

    private async Task<SamplePage> EnterAsync(SampleNode node, string name, bool isReady = true)
    {
        var page = await chromium.OpenAsync(node.Address);
        await page.HasTheFocusAsync("#name");
        await page.TypeAsync(name);
        await page.PressAsync("Enter");
        await page.HasTheFocusAsync("#text");
        if (isReady)
        {
            await page.ShowsAsync("#state", "Connected");
            await page.HasNoAsync("#rooms .pending");
        }

        return page;
    }
}

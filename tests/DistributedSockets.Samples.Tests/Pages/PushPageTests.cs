namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>The notifications on two nodes, in a browser, by keyboard alone.</summary>
public sealed class PushPageTests(Chromium chromium, PushCluster cluster) : IClassFixture<Chromium>, IClassFixture<PushCluster>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await cluster.StartAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Pages_OfTwoNodesByKeyboardAlone_PushToAUserAndToEveryone()
    {
        await using var alice = await ListenAsync(cluster.First, "alice");
        await using var bob = await ListenAsync(cluster.Second, "bob");
        await bob.ShowsAsync("#identity", $"bob on web-{cluster.Second.Port}");
        await alice.IsNamedAsync();

        await PushAsync(alice, "bob", "For bob", "<b>from</b> the first node");
        await alice.ShowsAsync("#outcome", "Pushed to bob.");
        await bob.ShowsAsync("#received article", "<b>from</b> the first node");
        await PushAsync(bob, "", "For all", "from the second node");
        await alice.ShowsAsync("#received article", "from the second node");
        await bob.ShowsAsync("#received article", "from the second node");
        Assert.Equal(0, await alice.CountAsync("#received", "For bob"));

        await PushAsync(alice, "no such name", "For nobody", "text");
        await alice.ShowsAsync("#outcome", "A user's name has");
    }

    [Fact]
    public async Task Page_ItsNodeIsKilledAndBack_ListensAgain()
    {
        await using var alice = await ListenAsync(cluster.First, "alice");
        await using var bob = await ListenAsync(cluster.Second, "bob");

        await cluster.Second.KillAsync();
        await bob.ShowsAsync("#state", "Connection lost. Next try in");
        await PushAsync(bob, "alice", "Lost", "on the way");
        await bob.ShowsAsync("#outcome", "The server cannot be reached.");
        await cluster.Second.StartAsync();

        await bob.ReconnectAsync();
        await bob.ShowsAsync("#identity", $"bob on web-{cluster.Second.Port}");
        await PushAsync(alice, "bob", "Again", "for bob");
        await bob.ShowsAsync("#received article", "Again");
    }

    [Fact]
    public async Task Pages_RedisIsKilledAndBack_SayWhoWasNotReachedAndGoOn()
    {
        await using var alice = await ListenAsync(cluster.First, "alice");
        await using var bob = await ListenAsync(cluster.Second, "bob");

        await cluster.Redis.KillAsync();

        await PushAsync(alice, "", "Only here", "for who is on this node");
        await alice.ShowsAsync("#outcome", "The nodes cannot reach each other right now.");
        await alice.ShowsAsync("#received article", "Only here");
        await using var carol = await ListenAsync(cluster.Second, "carol"); // a newcomer meanwhile

        await cluster.Redis.StartAsync();
        await cluster.IsHealthyAsync();
        await PushAsync(alice, "", "Everywhere", "again");
        foreach (var page in new[] { alice, bob, carol })
        {
            await page.ShowsAsync("#received article", "Everywhere");
            await page.ShowsAsync("#state", "Connected");
        }

        Assert.Equal(0, await bob.CountAsync("#received", "Only here"));
    }

    [Fact]
    public async Task Page_360PixelsWide_NeverScrollsSideways()
    {
        await using var page = await chromium.OpenAsync(cluster.First.Address, width: 360);
        await page.FitsAsync();
        await ListenAsync(page, new string('W', 32));
        await PushAsync(page, "", new string('M', 100), new string('x', 1_000));
        await page.ShowsAsync("#received article", new string('M', 100));
        await page.FitsAsync();
        await PushAsync(page, new string('!', 32), "Title", "Text");
        await page.ShowsAsync("#outcome", "A user's name has");
        await page.FitsAsync();

        await cluster.First.KillAsync();
        await page.ShowsAsync("#state", "Next try in");
        await page.FitsAsync();
    }

    private static async Task PushAsync(SamplePage page, string to, string title, string text)
    {
        foreach (var (field, value) in new[] { ("#to", to), ("#title", title), ("#text", text) })
        {
            await page.TabToAsync(field);
            await page.FillAsync(value);
        }

        await page.TabToAsync("#notify button");
        await page.PressAsync("Enter");
    }

    private static async Task ListenAsync(SamplePage page, string name)
    {
        await page.HasTheFocusAsync("#name");
        await page.TypeAsync(name);
        await page.PressAsync("Enter");
        await page.ShowsAsync("#state", "Connected");
        await page.ShowsAsync("#identity", $"{name} on");
    }

    private async Task<SamplePage> ListenAsync(SampleNode node, string name)
    {
        var page = await chromium.OpenAsync(node.Address);
        await ListenAsync(page, name);
        return page;
    }
}

namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>The chat by the official Web PubSub client on two nodes, in a browser, by keyboard alone.</summary>
public sealed class WebPubSubPageTests(Chromium chromium, WebPubSubCluster cluster) : IClassFixture<Chromium>, IClassFixture<WebPubSubCluster>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await cluster.StartAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Pages_OfTwoNodesWhoseSocketsAreCut_MissNothing()
    {
        await HasClientAsync();
        await using var alice = await JoinAsync(cluster.First, "alice");
        await using var bob = await JoinAsync(cluster.Second, "bob");
        await alice.IsNamedAsync();
        await alice.TabToAsync("#text");
        await alice.TypeAsync("<b>hello</b>");
        await alice.PressAsync("Enter");
        await bob.ShowsAsync("#messages p", "alice<b>hello</b>");

        await alice.TabToAsync("#burst");
        await alice.PressAsync("Enter");
        await bob.ShowsAsync("#messages p", "message 5 of 100");
        await bob.TabToAsync("#cut");
        await bob.PressAsync("Enter");
        await alice.TabToAsync("#cut");
        await alice.PressAsync("Enter");

        foreach (var page in new[] { alice, bob })
        {
            await page.ShowsAsync("#count", "101 received, 0 missing, 0 repeated");
            await page.ShowsAsync("#state", "Connected");
        }
    }

    [Fact]
    public async Task Page_360PixelsWide_NeverScrollsSideways()
    {
        await HasClientAsync();
        await using var page = await chromium.OpenAsync(cluster.First.Address, width: 360);
        await page.FitsAsync();
        await JoinAsync(page, new string('W', 32));
        await page.TabToAsync("#text");
        await page.TypeAsync(new string('M', 1_000));
        await page.PressAsync("Enter");
        await page.ShowsAsync("#messages p", new string('M', 1_000));
        await page.FitsAsync();
    }

    /// <summary>Skips the test where the build could not get the client; fails it in continuous integration.</summary>
    private async Task HasClientAsync()
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(cluster.First.Address, "web-pubsub-client.js"), TestContext.Current.CancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            const string Reason = "The build had no npm, and so the page has no client.";
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") != "true", Reason);
            Assert.Fail(Reason);
        }
    }

    private static async Task JoinAsync(SamplePage page, string name)
    {
        await page.HasTheFocusAsync("#name");
        await page.TypeAsync(name);
        await page.PressAsync("Enter");
        await page.ShowsAsync("#identity", $"{name} on node-");
        await page.HasTheFocusAsync("#text");
    }

    private async Task<SamplePage> JoinAsync(SampleNode node, string name)
    {
        var page = await chromium.OpenAsync(node.Address);
        await JoinAsync(page, name);
        return page;
    }
}

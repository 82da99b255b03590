using System.Collections.Concurrent;
using DistributedSockets.TestServers;
using PuppeteerSharp;
using PuppeteerSharp.PageAccessibility;

namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>A page of a sample, used as people use it: by keyboard, and by what it shows.</summary>
internal sealed class SamplePage : IAsyncDisposable
{
    private const int MostStops = 60; // of the Tab key, on any page

    private const string Count =
        """
        (selector, text) => [...document.querySelectorAll(selector)]
          .filter(e => e.checkVisibility() && e.innerText.replace(/\s+/g, ' ').includes(text)).length
        """;

    private readonly IBrowserContext _context;
    private readonly IPage _page;
    private readonly ConcurrentQueue<string> _errors = new();

    public SamplePage(IBrowserContext context, IPage page)
    {
        (_context, _page) = (context, page);
        page.PageError += (_, error) => _errors.Enqueue(error.Message);
    }

    /// <summary>Closes the page, in which no script may have failed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _context.CloseAsync();
        Assert.Empty(_errors);
    }

    /// <summary>Presses keys, one after the other, on whatever has the focus.</summary>
    public async Task PressAsync(params string[] keys)
    {
        foreach (var key in keys)
        {
            await _page.Keyboard.PressAsync(key);
        }
    }

    /// <summary>Types into whatever has the focus.</summary>
    public Task TypeAsync(string text) => _page.Keyboard.SendCharacterAsync(text);

    /// <summary>Types into whatever has the focus, instead of what is there.</summary>
    public async Task FillAsync(string text)
    {
        await _page.Keyboard.DownAsync("Control");
        await _page.Keyboard.PressAsync("a");
        await _page.Keyboard.UpAsync("Control");
        await _page.Keyboard.PressAsync("Delete");
        await TypeAsync(text);
    }

    /// <summary>Goes on with the Tab key until an element has the focus, which must be seen there.</summary>
    public async Task TabToAsync(string selector)
    {
        List<string> stops = [];
        for (var i = 0; i < MostStops; i++)
        {
            if (await HasFocusAsync(selector))
            {
                Assert.True(
                    await _page.EvaluateExpressionAsync<bool>("parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2"),
                    $"{selector} has the focus, but nobody sees that.");
                return;
            }

            await _page.Keyboard.PressAsync("Tab");
            stops.Add(await FocusAsync());
        }

        Assert.Fail($"The Tab key does not lead to {selector}, but to {string.Join(", ", stops)}.");
    }

    /// <summary>Presses the button that tries to connect at once, unless the page has found back by itself meanwhile.</summary>
    public async Task ReconnectAsync()
    {
        for (var i = 0; i < MostStops && await CountAsync("#state", "Connected") == 0; i++)
        {
            await _page.Keyboard.PressAsync("Tab");
            if (await HasFocusAsync("#reconnect"))
            {
                await _page.Keyboard.PressAsync("Enter");
                break;
            }
        }

        await ShowsAsync("#state", "Connected");
    }

    /// <summary>Waits until an element has the focus.</summary>
    public Task HasTheFocusAsync(string selector) => WaitAsync(
        "selector => document.activeElement?.matches(selector)", $"{selector} has the focus", selector);

    /// <summary>Waits until a text is to be seen in an element.</summary>
    public Task ShowsAsync(string selector, string text) => WaitAsync($"{Count} > 0", $"{selector} shows '{text}'", selector, text);

    /// <summary>Waits until a text is not to be seen in an element, or the element is not.</summary>
    public Task ShowsNotAsync(string selector, string text) => WaitAsync($"{Count} === 0", $"{selector} does not show '{text}'", selector, text);

    /// <summary>Waits until there is no such element, to be seen or not.</summary>
    public Task HasNoAsync(string selector) => WaitAsync("selector => !document.querySelector(selector)", $"{selector} is gone", selector);

    /// <summary>In how many elements a text is to be seen now.</summary>
    public Task<int> CountAsync(string selector, string text) => _page.EvaluateFunctionAsync<int>(Count, selector, text);

    /// <summary>The texts of some elements, from first to last.</summary>
    public Task<string[]> TextsAsync(string selector) => _page.EvaluateFunctionAsync<string[]>(
        "selector => [...document.querySelectorAll(selector)].map(e => e.innerText)", selector);

    /// <summary>Fails if the page, or a list in it, is wider than the place it has: people would have to scroll sideways.</summary>
    public async Task FitsAsync()
    {
        var tooWide = await _page.EvaluateFunctionAsync<string[]>(
            """
            () => [document.documentElement, ...document.querySelectorAll('*')]
              .filter(e => e === document.documentElement || ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
              .filter(e => e.scrollWidth > (e === document.documentElement ? innerWidth : e.clientWidth))
              .map(e => `${e.tagName} ${e.id || e.className} takes ${e.scrollWidth} of ${e.clientWidth}`)
            """);
        Assert.Empty(tooWide);
    }

    /// <summary>Fails if something that can be used has no name that a screen reader could say.</summary>
    public async Task IsNamedAsync()
    {
        string[] roles = ["button", "textbox", "link", "log", "navigation"];
        List<string> nameless = [];
        Visit(await _page.Accessibility.SnapshotAsync());
        Assert.Empty(nameless);

        void Visit(SerializedAXNode node)
        {
            if (roles.Contains(node.Role) && string.IsNullOrWhiteSpace(node.Name))
            {
                nameless.Add(node.Role);
            }

            foreach (var child in node.Children ?? [])
            {
                Visit(child);
            }
        }
    }

    private async Task WaitAsync(string condition, string expectation, params object[] arguments)
    {
        try
        {
            await _page.WaitForFunctionAsync(
                condition, new WaitForFunctionOptions { PollingInterval = 50, Timeout = (int)TestServer.Guard.TotalMilliseconds }, arguments);
        }
        catch (WaitTaskTimeoutException)
        {
            Assert.Fail($"This never came: {expectation}. The focus is on {await FocusAsync()}, and the page shows:\n{await TextAsync()}");
        }
    }

    private Task<bool> HasFocusAsync(string selector) => _page.EvaluateFunctionAsync<bool>("selector => document.activeElement.matches(selector)", selector);

    private Task<string> FocusAsync() => _page.EvaluateExpressionAsync<string>(
        "document.activeElement ? `${document.activeElement.tagName}#${document.activeElement.id} ${document.activeElement.innerText.slice(0, 40)}` : 'nothing'");

    private Task<string> TextAsync() => _page.EvaluateExpressionAsync<string>("document.body.innerText");
}

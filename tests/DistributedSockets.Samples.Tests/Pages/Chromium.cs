using DistributedSockets.TestServers;
using PuppeteerSharp;

namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>One browser for the tests of a class: Chromium, or Chrome, as it is installed on this machine. Nothing is downloaded.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private static readonly string? Executable = FindExecutable();

    private IBrowser? _browser;

    /// <summary>Skips the running test if the machine has no browser; fails it in continuous integration, where it must not be missing.</summary>
    public static void SkipUnlessAvailable()
    {
        if (Executable is null)
        {
            const string Reason = "Neither chromium nor google-chrome is on the path.";
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") != "true", Reason);
            Assert.Fail(Reason);
        }
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (Executable is not null)
        {
            _browser = await Puppeteer.LaunchAsync(new LaunchOptions
            {
                ExecutablePath = Executable,
                Headless = true,
                Timeout = (int)TestServer.Guard.TotalMilliseconds,
                Args =
                [
                    "--no-sandbox", // which root cannot have; the pages are our own
                    "--disable-dev-shm-usage",
                    "--disable-gpu",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--lang=en",
                ],
            });
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }
    }

    /// <summary>Opens an address in a window of its own, as somebody else would: a tab behind another draws nothing.</summary>
    /// <param name="address">The address.</param>
    /// <param name="width">The width of the window, in CSS pixels.</param>
    internal async Task<SamplePage> OpenAsync(Uri address, int width = 1_000)
    {
        var browser = _browser ?? throw new InvalidOperationException($"Call {nameof(SkipUnlessAvailable)} first.");
        var context = await browser.CreateBrowserContextAsync();
        var page = await context.NewPageAsync();
        page.DefaultTimeout = (int)TestServer.Guard.TotalMilliseconds;
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 640 });
        var sample = new SamplePage(context, page);
        await page.GoToAsync(address.ToString());
        return sample;
    }

    private static string? FindExecutable()
    {
        string[] names = OperatingSystem.IsWindows() ? ["chrome.exe"] : ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(directory => names.Select(name => Path.Combine(directory, name)))
            .FirstOrDefault(File.Exists);
    }
}

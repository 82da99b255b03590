namespace DistributedSockets.Nats.Tests;

/// <summary>The permissions that <c>docs/nats-in-production.md</c> asks for, for the prefix <c>shop</c>.</summary>
internal static class NatsPage
{
    /// <summary>Those of the backplane, as they stand in a server's configuration.</summary>
    public static string Permissions() => Block(0);

    /// <summary>Those of the session store.</summary>
    public static string SessionStorePermissions() => Block(1);

    /// <summary>Those of the message log.</summary>
    public static string MessageLogPermissions() => Block(2);

    private static string Block(int number)
    {
        const string beginning = "\npermissions: ";
        var page = Page();
        var begin = -1;
        for (var i = 0; i <= number; i++)
        {
            begin = page.IndexOf(beginning, begin + 1, StringComparison.Ordinal);
            Assert.True(begin >= 0, $"The page has only {i} blocks of permissions.");
        }

        begin += beginning.Length;
        return page[begin..page.IndexOf("```", begin, StringComparison.Ordinal)].Trim();
    }

    private static string Page()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "DistributedSockets.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        }

        return File.ReadAllText(Path.Combine(folder.FullName, "docs", "nats-in-production.md"));
    }
}

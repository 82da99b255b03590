namespace DistributedSockets.Docs.Tests.Markdown;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    private static readonly string[] s_skipped = ["bin", "obj", "node_modules", "TestResults", "artifacts"];

    public static string Root { get; } = FindRoot();

    public static string PathOf(string relativePath) => Path.Combine(Root, relativePath.Replace('/', Path.DirectorySeparatorChar));

    public static string Read(string relativePath) => File.ReadAllText(PathOf(relativePath));

    /// <summary>The files of a pattern, relative to the root, with slashes, in order.</summary>
    public static IReadOnlyList<string> Files(string directory, string pattern)
    {
        var files = new List<string>();
        Collect(new DirectoryInfo(PathOf(directory)), pattern, files);
        files.Sort(StringComparer.Ordinal);
        return files;
    }

    private static void Collect(DirectoryInfo directory, string pattern, List<string> files)
    {
        files.AddRange(directory.EnumerateFiles(pattern).Select(file => Path.GetRelativePath(Root, file.FullName).Replace('\\', '/')));
        foreach (var child in directory.EnumerateDirectories())
        {
            if (!child.Name.StartsWith('.') && !s_skipped.Contains(child.Name, StringComparer.Ordinal))
            {
                Collect(child, pattern, files);
            }
        }
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "DistributedSockets.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"DistributedSockets.sln is in no directory above {AppContext.BaseDirectory}. Run the tests from the repository.");
    }
}

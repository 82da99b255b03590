using System.Text.RegularExpressions;

namespace DistributedSockets.Docs.Tests.Markdown;

/// <summary>Compares the C# blocks of a page with the regions that the compiler sees.</summary>
internal static partial class SnippetCheck
{
    /// <summary>The names of the regions that a page shows.</summary>
    public static IEnumerable<string> NamesIn(string markdown) =>
        CodeBlock.In(markdown).Select(block => Marker().Match(block.Marker)).Where(match => match.Success).Select(match => match.Groups[1].Value);

    /// <summary>What is wrong with the C# blocks of a page, each with file and line.</summary>
    public static IReadOnlyList<string> Problems(string file, string markdown, SnippetLibrary library)
    {
        var problems = new List<string>();
        foreach (var block in CodeBlock.In(markdown).Where(block => block.IsCSharp))
        {
            if (Marker().Match(block.Marker) is not { Success: true } marker)
            {
                problems.Add($"{file}:{block.Line}: no line <!-- snippet: name --> stands before this C# block.");
            }
            else if (library.Find(marker.Groups[1].Value) is not { } region)
            {
                problems.Add($"{file}:{block.Line}: no source file has a region '// snippet: {marker.Groups[1].Value}'.");
            }
            else
            {
                Compare(file, block, marker.Groups[1].Value, region, problems);
            }
        }

        return problems;
    }

    private static void Compare(string file, CodeBlock block, string name, IReadOnlyList<string> region, List<string> problems)
    {
        var shown = SnippetLibrary.Unindent(block.Lines);
        for (var i = 0; i < Math.Max(shown.Count, region.Count); i++)
        {
            var (here, there) = (i < shown.Count ? shown[i] : "(the block ends)", i < region.Count ? region[i] : "(the region ends)");
            if (here != there)
            {
                problems.Add($"{file}:{block.Line + 1 + i}: differs from the region '{name}'.\n  page:   {here}\n  source: {there}");
                return;
            }
        }
    }

    [GeneratedRegex("^<!-- snippet: ([a-z0-9-]+) -->$")]
    private static partial Regex Marker();
}

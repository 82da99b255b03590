using System.Text.RegularExpressions;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests.Packages;

/// <summary>The files that a page tells its reader to write: blocks below a line that ends with the file's name, such as <c>`Program.cs`:</c>.</summary>
internal static partial class PageFiles
{
    public static IReadOnlyDictionary<string, string> In(string markdown)
    {
        var lines = markdown.ReplaceLineEndings("\n").Split('\n');
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var block in CodeBlock.In(markdown))
        {
            var above = lines.Take(block.Line - 1).Last(static line => line.Trim() is not "" and not ['<', '!', '-', '-', ..]);
            if (FileName().Match(above) is { Success: true } name)
            {
                files.Add(name.Groups[1].Value, string.Join('\n', block.Lines) + "\n");
            }
        }

        return files;
    }

    [GeneratedRegex(@"`([A-Za-z]+\.(?:cs|csproj))`:$")]
    private static partial Regex FileName();
}

using System.Text.RegularExpressions;

namespace DistributedSockets.Docs.Tests.Markdown;

/// <summary>A fenced block of a page.</summary>
/// <param name="Language">The first word behind the fence, in lower case.</param>
/// <param name="Line">The line of the opening fence, from 1.</param>
/// <param name="Marker">The last line before the block that is not empty.</param>
/// <param name="Lines">What is between the fences.</param>
internal sealed partial record CodeBlock(string Language, int Line, string Marker, IReadOnlyList<string> Lines)
{
    public bool IsCSharp => Language is "csharp" or "cs" or "c#";

    public static IReadOnlyList<CodeBlock> In(string markdown)
    {
        var lines = markdown.ReplaceLineEndings("\n").Split('\n');
        var blocks = new List<CodeBlock>();
        var marker = "";
        for (var i = 0; i < lines.Length; i++)
        {
            var opening = Fence().Match(lines[i]);
            if (!opening.Success)
            {
                marker = string.IsNullOrWhiteSpace(lines[i]) ? marker : lines[i].Trim();
                continue;
            }

            var (start, fence) = (i, opening.Groups[1].Value);
            var content = new List<string>();
            for (i++; i < lines.Length && lines[i].Trim() != fence; i++)
            {
                content.Add(lines[i]);
            }

            blocks.Add(new(opening.Groups[2].Value.ToLowerInvariant(), start + 1, marker, content));
            marker = "";
        }

        return blocks;
    }

    [GeneratedRegex(@"^\s*(```+|~~~+)\s*([^\s`]*)")]
    private static partial Regex Fence();
}

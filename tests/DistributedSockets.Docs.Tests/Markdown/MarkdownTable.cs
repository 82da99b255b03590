namespace DistributedSockets.Docs.Tests.Markdown;

/// <summary>A table of a page.</summary>
/// <param name="Heading">The text of the heading above it.</param>
/// <param name="Columns">The cells of its first row.</param>
/// <param name="Rows">The cells of the other rows.</param>
internal sealed record MarkdownTable(string Heading, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    public static IReadOnlyList<MarkdownTable> In(string markdown)
    {
        var tables = new List<MarkdownTable>();
        var heading = "";
        List<IReadOnlyList<string>>? rows = null;
        foreach (var line in markdown.ReplaceLineEndings("\n").Split('\n'))
        {
            if (!line.StartsWith('|'))
            {
                heading = line.StartsWith('#') ? line.TrimStart('#').Trim() : heading;
                rows = null;
            }
            else if (rows is null)
            {
                rows = [];
                tables.Add(new(heading, Cells(line), rows));
            }
            else if (!line.StartsWith("| ---", StringComparison.Ordinal))
            {
                rows.Add(Cells(line));
            }
        }

        return tables;
    }

    /// <summary>The text of a cell without the marks of code.</summary>
    public static string Plain(string cell) => cell.Trim('`');

    private static string[] Cells(string line) => [.. line.Trim().Trim('|').Split('|').Select(cell => cell.Trim())];
}

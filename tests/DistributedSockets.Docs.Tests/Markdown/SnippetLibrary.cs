using System.Text.RegularExpressions;

namespace DistributedSockets.Docs.Tests.Markdown;

/// <summary>The regions <c>// snippet: name</c> … <c>// end-snippet</c> of source files.</summary>
/// <remarks>Regions of one name in one file are joined with an empty line between, since a page shows as one what the compiler wants apart.</remarks>
internal sealed partial class SnippetLibrary
{
    private readonly Dictionary<string, (string File, List<string> Lines)> _snippets = new(StringComparer.Ordinal);

    public IReadOnlyCollection<string> Names => _snippets.Keys;

    public IReadOnlyList<string>? Find(string name) => _snippets.TryGetValue(name, out var snippet) ? snippet.Lines : null;

    public static SnippetLibrary Load(params IEnumerable<string> directories)
    {
        var library = new SnippetLibrary();
        foreach (var file in directories.SelectMany(static directory => Repository.Files(directory, "*.cs")))
        {
            library.Add(file, Repository.Read(file));
        }

        return library;
    }

    public void Add(string file, string source)
    {
        var lines = source.ReplaceLineEndings("\n").Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (Opening().Match(lines[i]) is not { Success: true } opening)
            {
                continue;
            }

            var name = opening.Groups[1].Value;
            var region = new List<string>();
            for (i++; i < lines.Length && lines[i].Trim() != "// end-snippet"; i++)
            {
                region.Add(lines[i]);
            }

            if (i == lines.Length)
            {
                throw new InvalidOperationException($"{file}: the region '{name}' has no // end-snippet.");
            }

            Add(file, name, Unindent(region));
        }
    }

    /// <summary>Takes away the indentation that all lines share, and empty lines at both ends.</summary>
    public static List<string> Unindent(IEnumerable<string> lines)
    {
        var trimmed = lines.Select(line => line.TrimEnd()).SkipWhile(line => line.Length == 0).ToList();
        while (trimmed.Count > 0 && trimmed[^1].Length == 0)
        {
            trimmed.RemoveAt(trimmed.Count - 1);
        }

        var indentation = trimmed.Where(line => line.Length > 0).Select(line => line.Length - line.TrimStart(' ').Length).DefaultIfEmpty(0).Min();
        return trimmed.ConvertAll(line => line.Length == 0 ? line : line[indentation..]);
    }

    private void Add(string file, string name, List<string> lines)
    {
        if (!_snippets.TryGetValue(name, out var known))
        {
            _snippets.Add(name, (file, lines));
        }
        else if (known.File == file)
        {
            known.Lines.Add("");
            known.Lines.AddRange(lines);
        }
        else
        {
            throw new InvalidOperationException($"The snippet '{name}' is in {known.File} and in {file}. Give one of them another name.");
        }
    }

    [GeneratedRegex(@"^\s*// snippet: ([a-z0-9-]+)\s*$")]
    private static partial Regex Opening();
}

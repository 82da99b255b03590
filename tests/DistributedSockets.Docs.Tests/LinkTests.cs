using System.Text.RegularExpressions;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

public sealed partial class LinkTests
{
    public static TheoryData<string> Pages => [.. Repository.Files("", "*.md")];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_EveryRelativeLink_LeadsSomewhere(string page)
    {
        var problems = new List<string>();
        foreach (var target in LinksOf(Repository.Read(page)))
        {
            var (path, anchor) = target.Split('#', 2) is [var before, var after] ? (before, after) : (target, null);
            var file = path.Length == 0 ? page : Path.GetRelativePath(
                Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, Path.GetDirectoryName(page)!, Uri.UnescapeDataString(path)))).Replace('\\', '/');
            if (!Path.Exists(Repository.PathOf(file)))
            {
                problems.Add($"{page}: the link to {target} leads nowhere.");
            }
            else if (anchor is not null && !AnchorsOf(Repository.Read(file)).Contains(anchor))
            {
                problems.Add($"{page}: the link to {target} names no heading of {file}.");
            }
        }

        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    private static IEnumerable<string> LinksOf(string markdown) =>
        Link().Matches(WithoutCode(markdown)).Select(match => match.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal));

    private static HashSet<string> AnchorsOf(string markdown) => Heading().Matches(WithoutCode(markdown))
        .Select(match => NotInAnchors().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-')).ToHashSet();

    private static string WithoutCode(string markdown) => Fenced().Replace(markdown.ReplaceLineEndings("\n"), "");

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#{1,6} (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"^\s*```.*?^\s*```\s*$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();
}

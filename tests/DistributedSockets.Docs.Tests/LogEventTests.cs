using System.Globalization;
using System.Text.RegularExpressions;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

/// <summary>Holds the log events of <c>docs/metrics-and-logs.md</c> against the source.</summary>
public sealed partial class LogEventTests
{
    private const string Page = "docs/metrics-and-logs.md";

    [Fact]
    public void LogEvents_OfAllPackages_HaveIdsOfTheirOwn()
    {
        var repeated = InSource().GroupBy(entry => entry.Id).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(entry => $"{entry.Name} in {entry.File}"))}");

        Assert.Empty(repeated);
    }

    [Fact]
    public void LogEvents_AsWritten_AreAllFound()
    {
        var attributes = Repository.Files("src", "*.cs").Sum(file => Regex.Count(Repository.Read(file), @"\[LoggerMessage\b"));

        Assert.Equal(attributes, InSource().Count);
    }

    [Fact]
    public void Page_LogEvents_AreThoseOfTheSource()
    {
        var onPage = MarkdownTable.In(Repository.Read(Page)).Where(table => table.Columns is ["id", "level", "event", "meaning"]).SelectMany(table => table.Rows)
            .Select(row => (Id: int.Parse(row[0], CultureInfo.InvariantCulture), Level: row[1], Name: MarkdownTable.Plain(row[2])));

        Assert.Equal(InSource().Select(entry => (entry.Id, entry.Level, entry.Name)).Order(), onPage);
    }

    [Fact]
    public void Page_LogEvents_StandInTheirRange()
    {
        foreach (var table in MarkdownTable.In(Repository.Read(Page)).Where(table => table.Columns is ["id", "level", "event", "meaning"]))
        {
            var range = Range().Match(table.Heading);
            Assert.True(range.Success, table.Heading);
            Assert.All(table.Rows, row => Assert.InRange(
                int.Parse(row[0], CultureInfo.InvariantCulture),
                int.Parse(range.Groups[1].Value, CultureInfo.InvariantCulture),
                int.Parse(range.Groups[2].Value, CultureInfo.InvariantCulture)));
        }
    }

    private static List<(int Id, string Level, string Name, string File)> InSource()
    {
        var events = new List<(int, string, string, string)>();
        foreach (var file in Repository.Files("src", "*.cs"))
        {
            foreach (Match match in Message().Matches(Repository.Read(file)))
            {
                events.Add((int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), match.Groups[2].Value, match.Groups[3].Value, file));
            }
        }

        return events;
    }

    [GeneratedRegex(@"\[LoggerMessage\((\d+), LogLevel\.(\w+), ""(?:[^""\\]|\\.)*""\)\]\s*(?:public|internal|private)(?: static)? partial void (\w+)\(")]
    private static partial Regex Message();

    [GeneratedRegex(@": (\d+) to (\d+)$")]
    private static partial Regex Range();
}

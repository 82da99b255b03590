using System.Reflection;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests.Outages;

/// <summary>No snippet of a page is left out of the tests with the backplane away.</summary>
public sealed class CoverageTests
{
    /// <summary>Tests that a page shows, as they stand: they have no backplane of their own, or end it themselves.</summary>
    private static readonly string[] s_tests =
    [
        "testing-first", "testing-client", "testing-crash", "testing-drain", "testing-faults", "extending-store-suite", "extending-log-suite", "extending-presence-suite", "testing-factory",
    ];

    /// <summary>The backplane that <c>docs/extending.md</c> writes. PostgresOutageTests, which is one of these, runs the others with PostgreSQL away.</summary>
    private static readonly string[] s_postgres =
    [
        "extending-options", "extending-validator", "extending-link", "extending-backplane", "extending-registration", "extending-database", "extending-suite",
        "extending-outage-suite", "extending-nodes",
    ];

    [Fact]
    public void Snippets_OfAllPages_RunWithTheBackplaneAway()
    {
        var shown = Repository.Files("", "*.md").SelectMany(static page => SnippetCheck.NamesIn(Repository.Read(page))).ToHashSet(StringComparer.Ordinal);
        var run = typeof(CoverageTests).Assembly.GetTypes().SelectMany(static type => type.GetMethods())
            .SelectMany(static method => method.GetCustomAttribute<RunsAttribute>()?.Snippets ?? []).Concat(s_tests).Concat(s_postgres).ToHashSet(StringComparer.Ordinal);

        Assert.True(
            shown.SetEquals(run),
            $"Run these in a test of the folder Outages, and name them there in [Runs]: {string.Join(", ", shown.Except(run))}. " +
            $"No page shows these any more: {string.Join(", ", run.Except(shown))}.");
    }
}

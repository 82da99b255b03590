using System.Xml.Linq;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests.Packages;

/// <summary>The testing package is built against the oldest xUnit that it promises to work with, and used here with the newest.</summary>
public sealed class XunitVersionTests
{
    private static readonly Dictionary<string, Version> s_central = XDocument.Parse(Repository.Read("src/Directory.Packages.props")).Descendants("PackageVersion")
        .Where(static package => package.Attribute("Include")!.Value.StartsWith("xunit.v3", StringComparison.Ordinal))
        .ToDictionary(static package => package.Attribute("Include")!.Value, static package => Version.Parse(package.Attribute("Version")!.Value));

    [Fact]
    public void TestingPackage_OldestXunitItTakes_IsOneForAllPartsAndOlderThanTheOneOurTestsRunWith()
    {
        Assert.Equal(s_central["xunit.v3.assert"], s_central["xunit.v3.extensibility.core"]);
        Assert.True(s_central["xunit.v3.assert"].Major < s_central["xunit.v3"].Major, "Whoever has last year's xUnit could not use the package.");
        Assert.Equal(s_central["xunit.v3"].Major, typeof(Assert).Assembly.GetName().Version!.Major);
    }

    [Theory]
    [InlineData("docs/testing.md")]
    [InlineData("src/DistributedSockets.Testing/README.md")]
    public void Page_OldestXunit_IsTheOneThatThePackageIsBuiltAgainst(string page) =>
        Assert.Contains($"xUnit v3, version {s_central["xunit.v3.assert"]} or newer", Repository.Read(page));
}

using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using DistributedSockets.Docs.Tests.Markdown;
using DistributedSockets.TestServers;

namespace DistributedSockets.Docs.Tests.Packages;

/// <summary>Does what <c>docs/extending.md</c> says, as its reader would: in an empty directory, with nothing but packages.</summary>
public sealed partial class FreshProjectTests(PostgresServer server) : IClassFixture<PostgresServer>, IDisposable
{
    private const string Page = "docs/extending.md";
    private const string OurPackages = "distributedsockets";
    private const int FactsAtLeast = 60; // of the suites that the page derives from

    private static readonly string[] s_packed = ["DistributedSockets.Abstractions", "DistributedSockets", "DistributedSockets.Testing"];

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("fresh-project-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Page_ProjectFile_NamesTheVersionsThatAreBuiltAndTested()
    {
        var central = XDocument.Parse(Repository.Read("src/Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(static package => package.Attribute("Include")!.Value, static package => package.Attribute("Version")!.Value);
        var ours = XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single().Value;
        var project = XDocument.Parse(PageFiles.In(Repository.Read(Page))["CustomBackplane.csproj"]);

        Assert.All(project.Descendants("PackageReference"), reference => Assert.Equal(
            central.GetValueOrDefault(reference.Attribute("Include")!.Value, ours), reference.Attribute("Version")!.Value));
    }

    [Fact]
    public async Task Page_FilesAsWritten_BuildOnPackagesAloneAndPassTheSuites()
    {
        server.SkipUnlessAvailable();
        var (packages, project) = (_directory.CreateSubdirectory("packages"), _directory.CreateSubdirectory("CustomBackplane"));
        await PackAsync(packages);
        foreach (var (name, text) in PageFiles.In(Repository.Read(Page)))
        {
            await File.WriteAllTextAsync(Path.Combine(project.FullName, name), text, TestContext.Current.CancellationToken);
        }

        await WriteSourcesAsync(project, packages);
        var output = await DotnetCommand.RunAsync(
            project.FullName,
            new Dictionary<string, string> { ["NUGET_PACKAGES"] = Path.Combine(_directory.FullName, "cache"), ["POSTGRES"] = server.ConnectionString },
            "run");

        var summary = Summary().Match(output);
        Assert.True(summary.Success, output);
        Assert.True(int.Parse(summary.Groups[1].Value, CultureInfo.InvariantCulture) >= FactsAtLeast, output);
        var restored = Directory.EnumerateDirectories(Path.Combine(_directory.FullName, "cache"), $"{OurPackages}*").Select(Path.GetFileName);
        Assert.Equal(s_packed.Select(static name => name.ToLowerInvariant()).Order(), restored.Order());
    }

    /// <summary>Packs the last of the packages, and the others with it, into a folder; what is built for that stays apart from what the solution has built.</summary>
    private async Task PackAsync(DirectoryInfo packages) => await DotnetCommand.RunAsync(
        Repository.Root, new Dictionary<string, string>(), "build", $"src/{s_packed[^1]}", "-c", "Release", "-p:GeneratePackageOnBuild=true",
        "-p:RunAnalyzers=false", $"-p:PackageOutputPath={packages.FullName}", "--artifacts-path", Path.Combine(_directory.FullName, "artifacts"));

    /// <summary>Our packages come from the folder only, all others from where this machine keeps or gets them.</summary>
    private async Task WriteSourcesAsync(DirectoryInfo project, DirectoryInfo packages)
    {
        var label = "global-packages:";
        var answer = await DotnetCommand.RunAsync(
            Repository.Root, new Dictionary<string, string>(), "nuget", "locals", "global-packages", "--list", "--force-english-output");
        var line = answer.Split('\n').Single(text => text.Contains(label, StringComparison.Ordinal));
        var known = _directory.CreateSubdirectory("known");
        foreach (var package in Directory.EnumerateDirectories(line[(line.IndexOf(label, StringComparison.Ordinal) + label.Length)..].Trim()))
        {
            if (!Path.GetFileName(package).StartsWith(OurPackages, StringComparison.OrdinalIgnoreCase))
            {
                Directory.CreateSymbolicLink(Path.Combine(known.FullName, Path.GetFileName(package)), package);
            }
        }

        await File.WriteAllTextAsync(
            Path.Combine(project.FullName, "nuget.config"),
            new XDocument(new XElement(
                "configuration",
                new XElement("packageSources", new XElement("add", new XAttribute("key", "packed"), new XAttribute("value", packages.FullName))),
                new XElement("fallbackPackageFolders", new XElement("add", new XAttribute("key", "known"), new XAttribute("value", known.FullName))))).ToString(),
            TestContext.Current.CancellationToken);
    }

    [GeneratedRegex(@"Total: (\d+), Errors: 0, Failed: 0, Skipped: 0, Not Run: 0")]
    private static partial Regex Summary();
}

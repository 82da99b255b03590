using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

public sealed class SnippetTests
{
    private static readonly string[] s_sources =
        ["tests/DistributedSockets.Docs.Tests", "samples/CustomBackplane", "tests/DistributedSockets.Samples.Tests/CustomBackplane"];

    public static TheoryData<string> Pages => [.. Repository.Files("", "*.md")];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_EveryCSharpBlock_IsARegionThatCompiles(string page)
    {
        var problems = SnippetCheck.Problems(page, Repository.Read(page), SnippetLibrary.Load(s_sources));

        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    [Fact]
    public void Region_EveryName_IsShownOnAPage()
    {
        var shown = Repository.Files("", "*.md").SelectMany(page => SnippetCheck.NamesIn(Repository.Read(page))).ToHashSet();

        Assert.Empty(SnippetLibrary.Load(s_sources).Names.Except(shown));
    }

    [Theory]
    [InlineData("text\n\n```csharp\nint a;\n```\n", "page.md:3: no line <!-- snippet: name --> stands before this C# block.")]
    [InlineData("<!-- snippet: one -->\ntext\n```cs\nint a;\n```\n", "page.md:3: no line <!-- snippet: name --> stands before this C# block.")]
    [InlineData("<!-- snippet: two -->\n```csharp\nint a;\n```\n", "page.md:2: no source file has a region '// snippet: two'.")]
    [InlineData("<!-- snippet: one -->\n```csharp\nint a;\n\nint c;\n```\n", "page.md:5: differs from the region 'one'.\n  page:   int c;\n  source: int b;")]
    [InlineData("<!-- snippet: one -->\n```csharp\nint a;\n```\n", "page.md:4: differs from the region 'one'.\n  page:   (the block ends)\n  source: ")]
    [InlineData("<!-- snippet: one -->\n```csharp\nint a;\n\nint b;\n// more\n```\n", "page.md:6: differs from the region 'one'.\n  page:   // more\n  source: (the region ends)")]
    public void Check_BlockThatDiffers_NamesFileAndLine(string markdown, string problem)
    {
        Assert.Equal([problem], SnippetCheck.Problems("page.md", markdown, Library()));
    }

    [Theory]
    [InlineData("<!-- snippet: one -->\n\n```csharp\nint a;\n\nint b;\n```\n")]
    [InlineData("- item\n\n  <!-- snippet: one -->\n  ```csharp\n  int a;\n\n  int b;\n  ```\n")]
    [InlineData("```json\n{}\n```\n")]
    public void Check_BlockThatIsEqual_FindsNothing(string markdown)
    {
        Assert.Empty(SnippetCheck.Problems("page.md", markdown, Library()));
    }

    [Fact]
    public void Library_OneNameInTwoFiles_IsRefused()
    {
        var library = Library();

        Assert.Throws<InvalidOperationException>(() => library.Add("other.cs", "// snippet: one\nint a;\n// end-snippet\n"));
    }

    [Fact]
    public void Library_RegionWithoutEnd_IsRefused()
    {
        Assert.Throws<InvalidOperationException>(() => new SnippetLibrary().Add("file.cs", "// snippet: one\nint a;\n"));
    }

    private static SnippetLibrary Library()
    {
        var library = new SnippetLibrary();
        library.Add("file.cs", "// snippet: one\n        int a;\n// end-snippet\nclass X {\n    // snippet: one\n    int b;\n    // end-snippet\n}\n");
        return library;
    }
}

namespace DistributedSockets.Docs.Tests.Outages;

/// <summary>Names the snippets that a test runs with the backplane away.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RunsAttribute(params string[] snippets) : Attribute
{
    public IReadOnlyList<string> Snippets => snippets;
}

namespace DistributedSockets.Tests;

public sealed class RuntimeCheckTests
{
    [Theory]
    [InlineData("10.0.0", true)]
    [InlineData("10.0.10", true)]
    [InlineData("10.0.11", false)]
    [InlineData("10.1.0", false)]
    [InlineData("11.0.0", false)]
    public void IsVulnerable_KnowsTheAffectedVersions(string version, bool vulnerable) =>
        Assert.Equal(vulnerable, RuntimeCheck.IsVulnerable(Version.Parse(version)));
}

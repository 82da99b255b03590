namespace DistributedSockets.Nats.Tests.Hosts;

/// <summary>Prefixes that look alike to NATS are as many clusters.</summary>
public sealed class PrefixTests
{
    private static readonly string[] s_prefixes =
        ["a", "A", "a.b", "a-b", "a_b", "a_d", "a.d", "a_ud", "a_", "a.", ".a", "_a", "a__b", "_INBOX", "_x0041", "..", new('.', 64), new('_', 64), new('x', 64)];

    [Fact]
    public void Prefixes_AllDifferent_HaveBucketsAndSubjectsOfTheirOwn()
    {
        Assert.Equal(s_prefixes.Length, s_prefixes.Select(static prefix => new NatsSessionKeys(prefix).SessionsBucket).Distinct(StringComparer.Ordinal).Count());
        Assert.All(s_prefixes, static prefix => Assert.Matches(@"\A[A-Za-z0-9_-]{1,200}\z", new NatsSessionKeys(prefix).NodesBucket));
        var subjects = s_prefixes.Select(static prefix => NatsSubjects.FromChannel($"{prefix}:v1:chat:group:b")).ToArray();
        Assert.Equal(s_prefixes.Length, subjects.Distinct(StringComparer.Ordinal).Count());
        Assert.All(subjects, static subject => Assert.Equal(5, subject.Split('.').Length)); // so none is covered by a permission of another
        Assert.All(subjects, static subject => Assert.False(subject.StartsWith('_') || subject.AsSpan().ContainsAny(" *>")));
    }
}

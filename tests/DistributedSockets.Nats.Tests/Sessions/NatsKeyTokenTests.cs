using System.Text.RegularExpressions;
using DistributedSockets.Testing;

namespace DistributedSockets.Nats.Tests.Sessions;

public sealed partial class NatsKeyTokenTests
{
    [Theory]
    [InlineData("alice", "alice")]
    [InlineData("a.b", "a=2Eb")]
    [InlineData("=", "=3D")]
    [InlineData("caf\u00e9", "caf=C3=A9")]
    [InlineData(" ", "=20")]
    [InlineData("=h", "=3Dh")]
    public void Encode_Name_IsWrittenAsDocumented(string name, string token)
    {
        Assert.Equal(token, NatsKeyToken.Encode(name));
    }

    [Fact]
    public void Encode_LongName_IsAHash()
    {
        Assert.Equal(new string('x', 64), NatsKeyToken.Encode(new string('x', 64)));
        Assert.Equal(45, NatsKeyToken.Encode(new string('x', 65)).Length);
        Assert.StartsWith("=h", NatsKeyToken.Encode(new string('.', 22)), StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_AnyNames_AreLegalAndApart()
    {
        string[] names =
        [
            .. TrickyNames.All,
            .. Enumerable.Range(0, 256).SelectMany(static i => new[] { $"{(char)i}x", $"{(char)i}.", $"={i:X2}", $"={i:x2}" }),
            .. Enumerable.Range(1, 300).Select(static length => new string('.', length)),
            .. Enumerable.Range(2, 300).Select(static length => new string('y', length)),
        ];
        string[] tokens = [.. names.Distinct(StringComparer.Ordinal).Select(NatsKeyToken.Encode)];

        Assert.All(tokens, static token => Assert.Matches(Legal(), token));
        Assert.Equal(tokens.Length, tokens.Distinct(StringComparer.Ordinal).Count());
        Assert.All(names, static name => Assert.Equal(NatsKeyToken.Encode(name).StartsWith("=h", StringComparison.Ordinal) ? null : name, NatsKeyToken.Decode(NatsKeyToken.Encode(name))));
    }

    [Theory]
    [InlineData("=h0000")]
    [InlineData("=")]
    [InlineData("=2")]
    [InlineData("=2e")]
    [InlineData("=61")] // an a stands for itself
    [InlineData("=C3")]
    [InlineData("=xa")]
    public void Decode_WhatNoNameIsWrittenAs_IsNull(string token)
    {
        Assert.Null(NatsKeyToken.Decode(token));
    }

    [Fact]
    public void Connection_WithAndWithoutItsNode_AreApart()
    {
        string[] ids = ["n1.a", "a", "n1.", "n1", "n1.n1.a", "n2.a", "n1a", "=xa", "n1.=xa", "n1.=3Dxa"];

        Assert.Equal("a", NatsSessionKeys.Connection("n1", "n1.a"));
        Assert.Equal(ids.Length, ids.Select(static id => NatsSessionKeys.Connection("n1", id)).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Buckets_OfAnyPrefixes_AreLegalAndApart()
    {
        string[] prefixes = ["a", "A", "a.b", "a_b", "a-b", "a_db", "a_ub", "a__b", "a..b", "a_.b", "a._b", "a-nodes", "a-sessions", "a\u00e9", "a:b", "a_x003Ab"];
        string[] buckets = [.. prefixes.Select(static prefix => new NatsSessionKeys(prefix)).SelectMany(static keys => new[] { keys.NodesBucket, keys.SessionsBucket })];

        Assert.All(buckets, static bucket => Assert.Matches("^[A-Za-z0-9_-]+$", bucket));
        Assert.Equal(buckets.Length, buckets.Distinct(StringComparer.Ordinal).Count());
    }

    [GeneratedRegex("^[-_=A-Za-z0-9]{1,66}$")]
    private static partial Regex Legal();
}

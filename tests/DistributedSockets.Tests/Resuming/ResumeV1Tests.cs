using System.Text;

namespace DistributedSockets.Tests;

public sealed class ResumeV1Tests
{
    [Theory]
    [InlineData("a 17\n", "Acknowledge", 17L, "", "")]
    [InlineData("a 0\n", "Acknowledge", 0L, "", "")]
    [InlineData("a 9223372036854775807\n", "Acknowledge", long.MaxValue, "", "")]
    [InlineData("m x-1\nhello\nworld", "WithId", 0L, "x-1", "hello\nworld")]
    [InlineData("m x\n", "WithId", 0L, "x", "")]
    [InlineData("u\n", "WithoutId", 0L, "", "")]
    [InlineData("u\nhello", "WithoutId", 0L, "", "hello")]
    public void Read_KnownLine_IsTaken(string message, string line, long number, string id, string payload)
    {
        var bytes = Encoding.UTF8.GetBytes(message);

        Assert.Equal(line, $"{ResumeV1.Read(bytes, out var readNumber, out var readId, out var payloadAt)}");
        Assert.Equal((number, id, payload), (readNumber, Encoding.UTF8.GetString(readId), Encoding.UTF8.GetString(bytes.AsSpan(payloadAt))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("hello")]
    [InlineData("hello\n")]
    [InlineData("a\n")]
    [InlineData("a \n")]
    [InlineData("a -1\n")]
    [InlineData("a +1\n")]
    [InlineData("a 1 \n")]
    [InlineData("a 1")]
    [InlineData("a 1\nmore")]
    [InlineData("a 9223372036854775808\n")]
    [InlineData("a 99999999999999999999999\n")]
    [InlineData("m\nhello")]
    [InlineData("m \nhello")]
    [InlineData("m x y\nhello")]
    [InlineData("m ä\nhello")]
    [InlineData("u \nhello")]
    [InlineData("U\nhello")]
    public void Read_AnythingElse_IsUnknown(string message) =>
        Assert.Equal(ResumeV1.Line.Unknown, ResumeV1.Read(Encoding.UTF8.GetBytes(message), out _, out _, out _));

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void Read_LongestId_IsTaken(int length, bool isTaken) =>
        Assert.Equal(isTaken, ResumeV1.Read(Encoding.ASCII.GetBytes($"m {new string('x', length)}\n"), out _, out _, out _) == ResumeV1.Line.WithId);

    [Fact]
    public void TryReadResume_WhatASessionWasTold_GivesItBack()
    {
        var (id, token) = (SessionId.Create(), SessionId.CreateToken());

        Assert.True(ResumeV1.TryReadResume($"resume.{id}.{token}.17", out var readId, out var readToken, out var number));
        Assert.Equal((id, token, 17), (readId.ToString(), readToken.ToString(), number));
        foreach (var wrong in (string[])["", "resume.", $"resume.{id}", $"resume.{id}.{token}", $"resume.{id}.{token}.", $"resume.{id}.{token}.-1", $"resume.{id}.{token}.x", $"resume.{id}.{token}1.7", $"resume.{id[1..]}.{token}.17", $"Resume.{id}.{token}.17"])
        {
            Assert.False(ResumeV1.TryReadResume(wrong, out _, out _, out _), wrong);
        }
    }

    [Fact]
    public void SessionIds_AreDifferentNameNoNodeAndTellNothingOfTheToken()
    {
        var (id, token) = (SessionId.Create(), SessionId.CreateToken());
        var digest = SessionId.DigestOf(token);

        Assert.True(SessionId.Is(id));
        Assert.True(ConnectionId.NodeOf(id).IsEmpty);
        Assert.False(SessionId.Is(ConnectionId.Create("node-1")));
        Assert.NotEqual(id, SessionId.Create());
        Assert.True(SessionId.IsTokenOf(token, digest));
        foreach (var wrong in (string[])["", id, token[1..], SessionId.CreateToken(), new('ä', SessionId.TokenLength)])
        {
            Assert.False(SessionId.IsTokenOf(wrong, digest), wrong);
        }

        Assert.False(SessionId.IsTokenOf("", SessionId.DigestOf("")[..]), "An empty token must not match the digest of none.");
    }
}

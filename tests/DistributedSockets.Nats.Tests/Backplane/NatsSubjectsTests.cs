using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsSubjectsTests
{
    [Theory]
    [InlineData("shop:v1:chat:all", "shop.v1.chat.all")]
    [InlineData("shop:v1:chat:user:alice", "shop.v1.chat.user.alice")]
    [InlineData("shop.eu:v1:chat:user:alice@example.com", "shop%2Eeu.v1.chat.user.alice@example%2Ecom")]
    [InlineData("a:b:c:d:e:f:g", "a.b.c.d.e:f:g")]
    [InlineData("a", "a")]
    [InlineData("A:a", "A.a")]
    [InlineData("*", "%2A")]
    [InlineData(">", "%3E")]
    [InlineData("a:*:>", "a.%2A.%3E")]
    [InlineData("50%", "50%25")]
    [InlineData("two words\t\r\n\0", "two%20words%09%0D%0A%00")]
    [InlineData("\u00e9", "%C3%A9")]
    [InlineData("\ud83d\ude80", "%F0%9F%9A%80")]
    [InlineData(":", "%.%")]
    [InlineData("a::b:", "a.%.b.%")]
    [InlineData("$SYS:a", "%24SYS.a")]
    [InlineData("_INBOX:a:_b", "%5FINBOX.a._b")]
    public void FromChannel_AnyName_IsItsSubject(string channel, string subject) => Assert.Equal(subject, NatsSubjects.FromChannel(channel));

    [Fact]
    public void FromChannel_TrickyAndRandomNames_AreLegalAndReadBack()
    {
        var random = new Random(4711);
        string[] pieces = [":", "::", ".", "*", ">", "%", "%3A", "%2E", " ", "\0", "a", "A", "_", "$", "\u00fc", "\ud83d\ude80", "\u007f", "\u0080"];
        string[] channels =
        [
            .. TrickyNames.All,
            .. TrickyNames.All.Select(name => $"p:v1:h:user:{name}"),
            .. Enumerable.Range(0, 5_000).Select(_ => string.Concat(random.GetItems(pieces, random.Next(1, 12)))),
        ];

        foreach (var channel in channels)
        {
            var subject = NatsSubjects.FromChannel(channel);

            Assert.All(subject.Split('.'), token => Assert.NotEmpty(token));
            Assert.DoesNotContain(subject, character => character is <= ' ' or >= '\u007f' or '*' or '>');
            Assert.False(subject[0] is '_' or '$', subject);
            Assert.Equal(channel, ReadBack(subject));
        }
    }

    [Theory]
    [InlineData('x')]
    [InlineData(' ')]
    [InlineData(':')]
    [InlineData('\u00fc')]
    public void FromChannel_LongestName_FitsIntoALineOfTheProtocol(char letter)
    {
        const int maxControlLine = 4_096;
        var channel = new string(letter, letter < 128 ? 1_024 : 512);

        Assert.True($"SUB {NatsSubjects.FromChannel(channel)} {int.MaxValue}\r\n".Length < maxControlLine);
    }

    [Theory]
    [InlineData('x', 1_025)]
    [InlineData('\u00fc', 513)]
    public void FromChannel_TooLong_Throws(char letter, int length) =>
        Assert.Contains("1024", Assert.Throws<ArgumentException>(() => NatsSubjects.FromChannel(new string(letter, length))).Message);

    [Theory]
    [InlineData(0xd83d)]
    [InlineData(0xdc00)]
    public void FromChannel_HalfASurrogatePair_Throws(int half) =>
        Assert.Throws<ArgumentException>(() => NatsSubjects.FromChannel($"a{(char)half}b"));

    /// <summary>The way back, which proves that no two channels share a subject.</summary>
    private static string ReadBack(string subject) => string.Join(':', subject.Split('.').Select(static token =>
    {
        if (token == "%")
        {
            return "";
        }

        var bytes = new List<byte>();
        for (var i = 0; i < token.Length; i++)
        {
            if (token[i] == '%')
            {
                bytes.Add(Convert.ToByte(token.Substring(i + 1, 2), 16));
                i += 2;
            }
            else
            {
                bytes.Add((byte)token[i]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }));
}

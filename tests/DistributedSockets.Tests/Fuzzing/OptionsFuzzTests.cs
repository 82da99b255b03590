using System.Text;
using DistributedSockets.Fuzzing;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets.Tests;

/// <summary>Names and origins in the configuration: what passes can be part of a channel, a key or a header.</summary>
public sealed class OptionsFuzzTests
{
    [Fact]
    public void Prefix_AnyText_IsRefusedUnlessPlain()
    {
        var validator = new ClusterOptionsValidator();
        Fuzz.Bytes(Corpus.Load("Names"), 20_000, 100, bytes =>
        {
            var prefix = Encoding.UTF8.GetString(bytes);
            var isPlain = prefix.Length is > 0 and <= 64 && prefix.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' or '-');
            Assert.Equal(isPlain, validator.Validate(null, new() { Prefix = prefix }).Succeeded);
        });
    }

    [Fact]
    public void NodeName_AnyText_IsRefusedUnlessIdsOfItCanBeRead()
    {
        var rules = new DistributedWebSocketsOptionsRules();
        Fuzz.Bytes(Corpus.Load("Names"), 20_000, 100, bytes =>
        {
            var name = Encoding.UTF8.GetString(bytes);
            if (rules.Validate(null, new() { NodeName = name }).Succeeded)
            {
                var node = $"{name}-abcdefghij";
                Assert.Equal(node, ConnectionId.NodeOf(ConnectionId.Create(node)).ToString());
                Assert.True(ConnectionId.IsNode(Encoding.UTF8.GetBytes(node)));
            }
        });
    }

    [Fact]
    public void OriginsAndSubProtocols_AnyText_AreRefusedOrFitAHeader()
    {
        var rules = new DistributedWebSocketsOptionsRules();
        Fuzz.Bytes([.. Corpus.Load("Origins"), .. Corpus.Load("Names")], 20_000, 150, bytes =>
        {
            var text = Encoding.UTF8.GetString(bytes);
            var options = new DistributedWebSocketsOptions();
            options.AllowedOrigins.Add(text);
            if (rules.Validate(null, options).Succeeded)
            {
                Assert.True(text == "*" || text.Contains("://", StringComparison.Ordinal));
                Assert.All(text, static letter => Assert.InRange(letter, '!', '~'));
                var context = new DefaultHttpContext();
                context.Request.Headers.Origin = text;
                Assert.True(new OriginCheck(options.AllowedOrigins).Allows(context.Request)); // what is accepted works
            }

            options = new();
            options.SubProtocols.Add(text);
            if (rules.Validate(null, options).Succeeded)
            {
                Assert.NotEmpty(text);
                Assert.All(text, static letter => Assert.InRange(letter, '!', '~'));
            }
        });
    }
}

using System.Text;
using DistributedSockets.Fuzzing;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets.Tests;

/// <summary>What a client may write into its handshake.</summary>
public sealed class HandshakeFuzzTests
{
    private const int Multiple = 16;

    private const int Allowance = 4_096;

    [Fact]
    public void Origin_AnyText_IsAllowedOrRefusedAndNeverThrows()
    {
        var check = new OriginCheck(["https://partner.example"]);
        Fuzz.Bytes(Corpus.Load("Origins"), 30_000, 300, bytes =>
        {
            var context = new DefaultHttpContext();
            context.Request.Headers.Origin = Encoding.Latin1.GetString(bytes);
            context.Request.Headers.Host = "app.example:443";
            Allocations.AssertBounded(bytes.Length, Multiple, Allowance, () => check.Allows(context.Request));

            // Of any host: only an origin that names it.
            context.Request.Headers.Host = Encoding.UTF8.GetString(bytes);
            if (check.Allows(context.Request))
            {
                Assert.Contains("://", context.Request.Headers.Origin.ToString());
            }
        });
    }

    [Fact]
    public void Extensions_AnyText_AreReadWithoutAllocation() => Fuzz.Bytes(Corpus.Load("Extensions"), 50_000, 200, static bytes =>
    {
        var header = Encoding.Latin1.GetString(bytes);
        Allocations.AssertBounded(0, 0, 256, () => DeflateAgreement.TakesSharedFrames(header));
        if (DeflateAgreement.TakesSharedFrames(header))
        {
            Assert.Contains("permessage-deflate", header, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("server_no_context_takeover", header, StringComparison.OrdinalIgnoreCase);
        }
    });

    [Fact]
    public void UserId_AnyText_HasAProblemOrFitsAChannel() => Fuzz.Bytes(Corpus.Load("Names"), 50_000, 200, static bytes =>
    {
        // UTF-16 as it comes, so that halves of surrogate pairs come too.
        var name = Encoding.UTF8.GetString(bytes) + new string([.. bytes.Where(static value => value > 0xF0).Select(static value => (char)(0xD700 + (value * 4)))]);
        string? problem = null;
        Allocations.AssertBounded(name.Length, 0, 4_096, () => problem = Names.Problem(name));
        var isValid = name.Length > 0 && IsValid(name) && Encoding.UTF8.GetByteCount(name) <= Names.MaxBytes;
        Assert.Equal(isValid, problem is null);
        if (isValid)
        {
            Assert.Equal(name, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(name)));
        }
        else if (name.Length > 8)
        {
            Assert.DoesNotContain(name, problem); // it goes to the client and into the log
        }
    });

    private static bool IsValid(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var length) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            rest = rest[length..];
        }

        return true;
    }
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistributedSockets.WebPubSub.Tests.Tokens;

/// <summary>Writes tokens by hand, wrong ones too.</summary>
internal static class TestTokens
{
    internal const string Key = "the access key of the tests, as text";

    /// <summary>Signs claims; the token runs out in an hour of <paramref name="now"/> unless the claims say otherwise.</summary>
    internal static string Sign(JsonObject claims, string key = Key, string algorithm = "HS256", DateTimeOffset? now = null)
    {
        claims["exp"] ??= (now ?? DateTimeOffset.UtcNow).AddHours(1).ToUnixTimeSeconds();
        var text = $"{Encode(new JsonObject { ["alg"] = algorithm, ["typ"] = "JWT" })}.{Encode(claims)}";
        var (secret, signed) = (Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(text));
        return algorithm switch
        {
            "none" => $"{text}.",
            "HS512" => $"{text}.{Base64(HMACSHA512.HashData(secret, signed))}",
            _ => $"{text}.{Base64(HMACSHA256.HashData(secret, signed))}",
        };
    }

    private static string Encode(JsonObject part) => Base64(JsonSerializer.SerializeToUtf8Bytes(part));

    private static string Base64(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}

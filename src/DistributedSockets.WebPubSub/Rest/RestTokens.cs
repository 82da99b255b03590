using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace DistributedSockets.WebPubSub;

/// <summary>Makes tokens with which clients connect.</summary>
internal static class RestTokens
{
    private const int DefaultMinutes = 60;
    private const int MaxMinutes = 527_040; // a year

    internal static async Task GenerateAsync(RestCall call, WebPubSubOptions options, TimeProvider time)
    {
        var minutes = call.Number("minutesToExpire", 1, MaxMinutes) ?? DefaultMinutes;
        if (call.Value("clientType") is { } type && !type.Equals("Default", StringComparison.OrdinalIgnoreCase))
        {
            throw RestException.BadRequest("The only type of clients is Default.", "clientType");
        }

        var groups = call.Values("group");
        groups.ForEach(static group => RestNames.Group(group));
        var claims = new Dictionary<string, object>(StringComparer.Ordinal);
        if (call.Value("userId") is { } userId)
        {
            claims["sub"] = RestNames.User(userId);
        }

        if (call.Values("role") is { Count: > 0 } roles)
        {
            claims["role"] = roles;
        }

        if (groups.Count > 0)
        {
            claims["webpubsub.group"] = groups;
        }

        var now = time.GetUtcNow().UtcDateTime;
        var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Audience = $"{call.Origin}/client/hubs/{call.Hub}",
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddMinutes(minutes),
            Claims = claims,
            SigningCredentials = new(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(options.AccessKey!)), SecurityAlgorithms.HmacSha256), // validated: there is one
        });
        call.Context.Response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(call.Context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("token", token);
        json.WriteEndObject();
    }
}

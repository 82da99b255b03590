using System.Security.Claims;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace DistributedSockets.WebPubSub;

/// <summary>Checks the tokens of clients and of callers of the REST interface: HS256 with one of the access keys, and nothing else.</summary>
internal sealed class AccessTokenReader
{
    private const string GroupClaim = "webpubsub.group";
    private const string RoleClaim = "role";

    private static readonly TimeSpan s_skew = TimeSpan.FromMinutes(5); // of tokens that are not valid yet; one that has run out has run out

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly TokenValidationParameters _parameters;

    public AccessTokenReader(IOptions<WebPubSubOptions> options, TimeProvider time)
    {
        string?[] keys = [options.Value.AccessKey, options.Value.SecondaryAccessKey];
        _parameters = new()
        {
            ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
            IssuerSigningKeys = [.. keys.OfType<string>().Select(static key => new SymmetricSecurityKey(Encoding.UTF8.GetBytes(key)))],
            TryAllIssuerSigningKeys = true, // some issuers name a key that is not ours to know
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ValidateIssuer = false,
            ValidateAudience = false, // that is up to the request
            LifetimeValidator = (notBefore, expires, _, _) =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                return expires > now && !(notBefore - s_skew > now);
            },
        };
    }

    /// <summary>Reads a token; null for one that is not valid, whatever is wrong with it.</summary>
    internal async ValueTask<AccessToken?> ReadAsync(string token)
    {
        TokenValidationResult result;
        try
        {
            result = await _handler.ValidateTokenAsync(token, _parameters);
        }
        catch (ArgumentException)
        {
            return null; // it is empty
        }

        return result is { IsValid: true, SecurityToken: JsonWebToken valid } ? Read(valid) : null;
    }

    private static AccessToken? Read(JsonWebToken token)
    {
        try
        {
            var (roles, groups, claims) = (new List<string>(), new List<string>(), new List<KeyValuePair<string, string>>());
            foreach (var claim in token.Claims)
            {
                claims.Add(new(claim.Type, claim.Value));
                if (claim.Type is RoleClaim or GroupClaim)
                {
                    if (claim.ValueType != ClaimValueTypes.String)
                    {
                        return null;
                    }

                    (claim.Type == RoleClaim ? roles : groups).Add(claim.Value);
                }
            }

            var subject = token.Subject;
            return new()
            {
                Audiences = [.. token.Audiences],
                Subject = string.IsNullOrEmpty(subject) ? null : subject,
                Roles = roles,
                Groups = groups,
                Claims = claims,
            };
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidOperationException or SecurityTokenException)
        {
            return null; // its claims have a form that none can have
        }
    }
}

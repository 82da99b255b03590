using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

/// <summary>Believes who a client says it is, in the header <c>X-User</c>, and until when, in <c>X-Expires</c>.</summary>
internal sealed class HeaderAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers["X-User"] is not [{ } user])
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        var identity = new ClaimsIdentity([new(ClaimTypes.NameIdentifier, user)], Scheme.Name);
        var properties = new AuthenticationProperties();
        if (Request.Headers["X-Expires"] is [{ } expires])
        {
            properties.ExpiresUtc = DateTimeOffset.Parse(expires, CultureInfo.InvariantCulture);
        }

        return Task.FromResult(AuthenticateResult.Success(new(new(identity), properties, Scheme.Name)));
    }
}

using System.Security.Cryptography;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Authenticates a request by the ticket in its query, which it uses up.</summary>
internal sealed partial class ConnectionTicketHandler(
    ConnectionTickets tickets,
    ConnectionTicketHandler.RareLogs logs,
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory loggers,
    UrlEncoder encoder) : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    private bool _isStoreAway;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Query[ConnectionTicketDefaults.QueryKey] is not [{ Length: > 0 } text])
        {
            return AuthenticateResult.NoResult();
        }

        try
        {
            return await tickets.TakeAsync(text, Context.RequestAborted) is { } found
                ? AuthenticateResult.Success(new(found.Principal, found.Properties, Scheme.Name))
                : AuthenticateResult.Fail("The ticket is unknown, was used before, or its time is over.");
        }
        catch (CryptographicException exception)
        {
            logs.Unreadable(exception);
            return AuthenticateResult.Fail("The ticket cannot be read on this node.");
        }
        catch (SessionStoreUnavailableException exception)
        {
            _isStoreAway = true;
            logs.StoreAway(exception);
            return AuthenticateResult.Fail("The store of tickets is away.");
        }
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (_isStoreAway)
        {
            ConnectionTicketEndpoint.SetUnavailable(Response); // signing in anew would not help
            return Task.CompletedTask;
        }

        return base.HandleChallengeAsync(properties);
    }

    /// <summary>What is logged of all requests together.</summary>
    internal sealed partial class RareLogs(FailSafeLogger<ConnectionTicketHandler> logger, TimeProvider time)
    {
        private readonly RareLog _unreadable = new(1, time);
        private readonly RareLog _away = new(1, time);

        internal void Unreadable(Exception exception)
        {
            if (_unreadable.TryPass(out var others))
            {
                TicketUnreadable(others, exception);
            }
        }

        internal void StoreAway(Exception exception)
        {
            if (_away.TryPass(out var others))
            {
                TicketStoreAway(others, exception.Message);
            }
        }

        [LoggerMessage(220, LogLevel.Error, "A ticket that another node gave out cannot be read here, so its handshake is refused. Let all nodes share their Data Protection keys, as for cookies. {Others} more were not logged since the last one.")]
        private partial void TicketUnreadable(int others, Exception exception);

        [LoggerMessage(221, LogLevel.Warning, "A ticket could not be given out or taken, as the store of tickets is away: {Problem} {Others} more were not logged since the last one.")]
        private partial void TicketStoreAway(int others, string problem);
    }
}

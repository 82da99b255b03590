using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Answers a handshake that the platform has accepted, and lets the connection into its hub at that moment.</summary>
/// <remarks>
/// The hub knows the connection as soon as the answer begins, so nothing that is sent to it from then on passes it by; and not before, so nobody is told
/// of a connection that the server does not take.
/// </remarks>
/// <param name="hub">The hub.</param>
/// <param name="opening">The connection while its hub does not know it, with the groups that it begins in, whose channels are needed for it already.</param>
/// <param name="connection">The connection.</param>
/// <param name="feature">What holds the answer back, if anything does.</param>
/// <param name="log">The log.</param>
internal sealed class HandshakeAnswer(
    HubConnections hub, OpeningConnection opening, Connection connection, TapFeature? feature, ConnectionLog log)
{
    private bool _hasFailed;

    /// <summary>Whether the hub knows the connection.</summary>
    internal bool HasEntered { get; private set; }

    /// <summary>Sends the answer.</summary>
    /// <returns>Whether the connection is open. If not, it is known to the hub only if the answer had begun.</returns>
    internal async Task<bool> SendAsync(HttpContext context)
    {
        if (feature?.Tap is null)
        {
            Enter(); // the server has answered by itself
            return true;
        }

        try
        {
            context.Response.OnStarting(static state => ((HandshakeAnswer)state).OnStarting(), this); // state is this
            await feature.OpenAsync();
            Enter(); // for a server that does not tell when it answers
            connection.Open();
            feature.Leave(context);
            return true;
        }
        catch (Exception exception)
        {
            // Kestrel throws beyond its MaxConcurrentUpgradedConnections, and any server may when the client has gone.
            _hasFailed = true;
            log.AnswerFailed(exception);
            connection.Abandon(exception);
            return false;
        }
    }

    /// <summary>The response begins: with the answer, or with a refusal once that has failed.</summary>
    private Task OnStarting()
    {
        if (!_hasFailed)
        {
            Enter();
        }

        return Task.CompletedTask;
    }

    private void Enter()
    {
        if (!HasEntered)
        {
            HasEntered = true;
            hub.Opening.Enter(opening, hub, connection);
        }
    }
}

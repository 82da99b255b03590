using System.Net.Sockets;
using System.Security.Authentication;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Sorts exceptions.</summary>
internal static class NatsErrors
{
    private const string Forbidden = "Permissions Violation";
    private const string TooManySubscriptions = "maximum subscriptions exceeded";

    /// <summary>Whether a server's error refuses one thing and ends nothing else.</summary>
    public static bool IsRefusal(string error) => error.StartsWith(Forbidden, StringComparison.Ordinal) || IsSubscriptionLimit(error);

    /// <summary>Whether a server's error refuses a subscription, of which it does not say which, since there are too many.</summary>
    public static bool IsSubscriptionLimit(string error) => error.StartsWith(TooManySubscriptions, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the exception is trouble with NATS, rather than misuse or the caller's cancellation.</summary>
    public static bool IsOutage(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        // The client cancels what waits when a connection is lost, which is none of the caller's doing.
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        NatsException or TimeoutException or ObjectDisposedException or IOException or SocketException or AuthenticationException => true,
        AggregateException aggregate => aggregate.InnerExceptions.All(inner => IsOutage(inner, cancellationToken)),
        _ => false,
    };

    /// <summary>Whether NATS is there and says no, such as to a wrong password: waiting does not help, somebody has to act.</summary>
    public static bool IsRefusal(Exception? exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is NatsServerException or AuthenticationException)
            {
                return true;
            }
        }

        return false;
    }
}

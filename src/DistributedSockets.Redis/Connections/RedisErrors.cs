using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Sorts exceptions, and bounds waits for the multiplexer.</summary>
internal static class RedisErrors
{
    /// <summary>Whether the exception is trouble with Redis, rather than misuse or the caller's cancellation.</summary>
    public static bool IsOutage(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        // The multiplexer cancels what waits when it is closed, which is none of the caller's doing.
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        RedisException or TimeoutException or ObjectDisposedException or IOException => true,
        RedisCommandException => true, // such as a publish on a server that has become a replica
        System.Net.Sockets.SocketException => true,
        AggregateException aggregate => aggregate.InnerExceptions.All(inner => IsOutage(inner, cancellationToken)),
        _ => false,
    };

    /// <summary>Whether Redis refused a command because the key holds something else; in a script the word stands further behind.</summary>
    public static bool IsWrongType(SessionStoreUnavailableException exception) =>
        exception.InnerException is RedisServerException && exception.InnerException.Message.Contains("WRONGTYPE", StringComparison.Ordinal);

    /// <summary>
    /// Leaves out what Redis repeats of a command that it does not know: its arguments, among which are payloads and passwords, would go
    /// into the log.
    /// </summary>
    public static Exception WithoutArguments(Exception exception)
    {
        const string repeated = "with args beginning with";
        return exception is RedisServerException error && error.Message.IndexOf(repeated, StringComparison.Ordinal) is var begin and >= 0
            ? new RedisServerException(error.Kind, error.Flags, error.Message[..begin].TrimEnd(',', ' ') + ".")
            : exception;
    }

    /// <summary>Whether the user of this connection lacks a permission for what was asked, which says nothing of anything else.</summary>
    public static bool IsForbidden(Exception exception) => exception is RedisServerException { Kind: RedisErrorKind.NoPermission };

    /// <summary>Whether Redis is there and says no, such as to a wrong password: waiting does not help, somebody has to act.</summary>
    public static bool IsRefusal(Exception? exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (IsOfCluster(cause))
            {
                return false; // it passes when the cluster has found its order
            }

            if (cause is RedisServerException or RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a Redis Cluster says that a slot is elsewhere or nowhere.</summary>
    public static bool IsOfCluster(Exception? exception) =>
        exception is RedisServerException { Kind: RedisErrorKind.Moved or RedisErrorKind.Ask or RedisErrorKind.ClusterDown };

    /// <summary>Waits for a command. One given up on goes on in the multiplexer, and its failure is then of no interest.</summary>
    public static Task<T> WithinAsync<T>(this Task<T> command, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        command.Observe();
        return command.WaitAsync(timeout, time, cancellationToken);
    }

    /// <inheritdoc cref="WithinAsync{T}"/>
    public static Task WithinAsync(this Task command, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        command.Observe();
        return command.WaitAsync(timeout, time, cancellationToken);
    }
}

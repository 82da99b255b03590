namespace DistributedSockets.TestNode;

internal static class Failures
{
    /// <summary>Whether a failed operation is an answer to give, and no defect of the test node.</summary>
    public static bool IsAnswer(Exception exception) => exception
        is BackplaneUnavailableException
        or SessionStoreUnavailableException
        or MessageLogUnavailableException
        or ConnectionNotFoundException
        or RemoteCommandTimeoutException
        or ArgumentException
        or FormatException;
}

using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>A logger whose providers, which are the app's, may throw. A line that cannot be written must not stop what it tells of.</summary>
internal class FailSafeLogger(ILogger logger) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
    {
        try
        {
            return logger.BeginScope(state);
        }
        catch (Exception)
        {
            return null; // there is nobody left to tell
        }
    }

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return logger.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            return true; // another provider may want it
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            logger.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            // The other providers have it: a logger asks all of them before it throws what one has thrown.
        }
    }
}

using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>A logger whose providers, which are the app's, may throw. A line that cannot be written must not stop what it tells of.</summary>
/// <remarks>For backplanes and session stores, whose loops and events must go on. May be inherited, to tell categories apart.</remarks>
/// <param name="logger">The logger that may throw.</param>
public class FailSafeLogger(ILogger logger) : ILogger
{
    /// <inheritdoc/>
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

    /// <inheritdoc/>
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

    /// <inheritdoc/>
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

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistributedSockets.Tests;

/// <summary>Throws at every line of ours, and takes those of others.</summary>
internal sealed class ThrowingLoggerProvider : ILoggerProvider
{
    private int _lines;

    /// <summary>How many lines it has been given.</summary>
    internal int Lines => Volatile.Read(ref _lines);

    public ILogger CreateLogger(string categoryName) => categoryName.StartsWith("DistributedSockets", StringComparison.Ordinal) ? new Throwing(this) : NullLogger.Instance;

    public void Dispose()
    {
    }

    private sealed class Throwing(ThrowingLoggerProvider provider) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => throw new InvalidOperationException("A logger that throws.");

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Interlocked.Increment(ref provider._lines);
            throw new InvalidOperationException("A logger that throws.");
        }
    }
}

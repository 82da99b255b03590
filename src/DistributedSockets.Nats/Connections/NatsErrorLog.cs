using Microsoft.Extensions.Logging;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Hears what the server refuses at the moment when the client reads it, which is when it logs it. All else goes on to the log as it was.</summary>
/// <remarks>
/// The client's event for it comes from a loop of its own, at any time after what the server has sent next: too late to tell what a marker
/// confirms that follows a refusal.
/// </remarks>
internal sealed class NatsErrorLog(ILoggerFactory log, Action<string> onRefusal) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Ear(log.CreateLogger(categoryName), onRefusal);

    public void AddProvider(ILoggerProvider provider) => log.AddProvider(provider);

    public void Dispose()
    {
        // The log is the app's.
    }

    private sealed class Ear(ILogger log, Action<string> onRefusal) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => log.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == NatsLogEvents.Protocol.Id && state is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                foreach (var (_, value) in values)
                {
                    if (value is string text && NatsErrors.IsRefusal(text))
                    {
                        onRefusal(text);
                    }
                }
            }

            log.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}

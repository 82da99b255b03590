using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Logs what the backplane of one of several servers says under a category that ends in the server's name.</summary>
internal sealed class RedisShareLogger(ILoggerFactory loggers, string server) : ILogger<RedisBackplane>
{
    private readonly ILogger _logger = loggers.CreateLogger($"{typeof(RedisBackplane).FullName}.{server}");

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => _logger.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => _logger.IsEnabled(logLevel);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _logger.Log(logLevel, eventId, state, exception, formatter);
}

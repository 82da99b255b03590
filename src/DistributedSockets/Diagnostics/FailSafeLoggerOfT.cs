using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>What the runtime logs with: the logger of a category, fail-safe.</summary>
internal sealed class FailSafeLogger<T>(ILogger<T> logger) : FailSafeLogger(logger);

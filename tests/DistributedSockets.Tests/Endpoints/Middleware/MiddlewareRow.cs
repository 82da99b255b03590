using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>One middleware as an app uses it, and how to see that it works.</summary>
internal sealed class MiddlewareRow
{
    internal Action<IServiceCollection> Services { get; init; } = static _ => { };

    /// <summary>What stands before routing.</summary>
    internal Action<WebApplication> Front { get; init; } = static _ => { };

    /// <summary>What stands between routing and the endpoints.</summary>
    internal Action<WebApplication> Use { get; init; } = static _ => { };

    /// <summary>What the client sends along with its handshake.</summary>
    internal Dictionary<string, string> Headers { get; init; } = [];

    internal string Path { get; init; } = "/chat";

    /// <summary>Waits until the middleware would have ended a request as old as the connections.</summary>
    internal Func<AppNode, HttpClient, Task> Outlast { get; init; } = static (_, _) => Task.CompletedTask;

    /// <summary>Checks what the middleware does for an ordinary request.</summary>
    internal required Func<AppNode, HttpClient, Task> Check { get; init; }
}

using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

[assembly: AssemblyFixture(typeof(DistributedSockets.Tests.Shared.UnobservedExceptions))]

namespace DistributedSockets.Tests.Shared;

/// <summary>Fails the run of a test project in which a task failed and nobody looked at its exception.</summary>
/// <remarks>The runner reports it as a failed clean-up of the assembly, with the exceptions above that line.</remarks>
public sealed class UnobservedExceptions : IDisposable
{
    private static readonly ConcurrentQueue<UnobservedTaskExceptionEventArgs> Raised = new();
    private static readonly ConcurrentQueue<string> Told = new();

    [ModuleInitializer]
    internal static void Listen() => TaskScheduler.UnobservedTaskException += static (_, unobserved) => Raised.Enqueue(unobserved);

    /// <summary>Adds one that another process of the run has told of.</summary>
    /// <param name="text">What it was, and where.</param>
    public static void Add(string text) => Told.Enqueue(text);

    /// <summary>Looks after all tests: a task tells of its exception when it is finalized.</summary>
    public void Dispose()
    {
        for (var round = 0; round < 3; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers(); // what one of them held may be the next
        }

        // A test that expects one of its own marks it as observed.
        string[] seen = [.. Raised.Where(static unobserved => !unobserved.Observed).Select(static unobserved => unobserved.Exception.ToString()).Concat(Told)
            .Where(static text => !IsForgottenByTheRedisClient(text))];
        if (seen.Length > 0)
        {
            // The adapter prints the type alone of what a fixture throws.
            foreach (var (text, count) in seen.CountBy(static text => text))
            {
                TestContext.Current.SendDiagnosticMessage("{0} x {1}", count, text);
            }

            throw new UnobservedTaskFailuresException(seen.Length);
        }
    }

    /// <summary>Whether it is of the ping by which the Redis client looks after a new connection, and which nobody but the client can look at.</summary>
    /// <remarks>The client does not, if a busy machine let its connect timeout pass before it came to wait for the answer.</remarks>
    private static bool IsForgottenByTheRedisClient(string text) =>
        text.Contains("StackExchange.Redis.ServerEndPoint.", StringComparison.Ordinal) && text.Contains("<OnConnectedAsync>g__IfConnectedAsync", StringComparison.Ordinal)
        && !text.Contains(" at DistributedSockets.", StringComparison.Ordinal);
}

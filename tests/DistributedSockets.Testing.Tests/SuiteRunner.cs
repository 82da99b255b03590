using System.Reflection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Runs a fact of a suite as xUnit does, and tells how it ends.</summary>
internal static class SuiteRunner
{
    /// <summary>How long a fact waits for what a flawed implementation never does.</summary>
    private static readonly TimeSpan ShortGuard = TimeSpan.FromMilliseconds(300);

    /// <summary>The names of a suite's facts and theories.</summary>
    /// <param name="suite">The suite.</param>
    public static IEnumerable<string> FactsOf(Type suite) => suite.GetMethods()
        .Where(static method => method.GetCustomAttribute<FactAttribute>() is not null)
        .Select(static method => method.Name)
        .Order(StringComparer.Ordinal);

    /// <summary>Runs one fact, or a theory with each of its rows until one fails.</summary>
    /// <param name="create">Makes the test object, a new one for each row.</param>
    /// <param name="fact">The name of the method.</param>
    /// <param name="isImpatient">Whether to wait a moment only for what should happen.</param>
    /// <returns>What the fact threw, if it failed.</returns>
    public static async Task<Exception?> RunAsync(Func<IAsyncLifetime> create, string fact, bool isImpatient)
    {
        if (isImpatient)
        {
            Eventually.ShortenGuard(ShortGuard);
        }

        var suite = create();
        var method = suite.GetType().GetMethod(fact) ?? throw new MissingMethodException(suite.GetType().Name, fact);
        object?[][] rows = method.GetCustomAttribute<TheoryAttribute>() is null
            ? [[]]
            : [.. method.GetCustomAttributes<InlineDataAttribute>().Select(static row => row.Data)];
        Assert.NotEmpty(rows);
        foreach (var row in rows)
        {
            if (await RunRowAsync(suite, method, row) is { } failure)
            {
                return failure;
            }

            suite = create();
        }

        return null;
    }

    /// <summary>Whether a fact failed because something that it waited for did not happen, rather than because something wrong did.</summary>
    /// <param name="failure">What it threw.</param>
    public static bool IsHang(Exception failure) =>
        failure is TimeoutException or { InnerException: TimeoutException } ||
        failure.Message.StartsWith("Waited for ", StringComparison.Ordinal) || failure.Message.StartsWith("Within ", StringComparison.Ordinal);

    private static async Task<Exception?> RunRowAsync(IAsyncLifetime suite, MethodInfo method, object?[] row)
    {
        await suite.InitializeAsync();
        Exception? failure = null;
        try
        {
            await (Task)(method.Invoke(suite, row) ?? throw new InvalidOperationException($"{method.Name} returned no task."));
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        try
        {
            await suite.DisposeAsync();
        }
        catch (Exception) when (failure is not null)
        {
            // What is broken may be hard to dispose of, too; what counts is that the fact itself has noticed.
        }

        return failure;
    }
}

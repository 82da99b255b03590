using System.Reflection;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>A connection that does something else first, once, before a certain request goes out: what others do meanwhile.</summary>
public class PausingConnection : DispatchProxy
{
    private INatsConnection? _inner;
    private Func<string, string, bool>? _condition;
    private Func<Task>? _meanwhile;

    public static INatsConnection Create(INatsConnection inner)
    {
        var proxy = Create<INatsConnection, PausingConnection>();
        ((PausingConnection)(object)proxy)._inner = inner;
        return proxy;
    }

    /// <summary>Does something before the first request that fulfils the condition.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="condition">Whether a request, by its subject and payload, is the one.</param>
    /// <param name="meanwhile">What to do.</param>
    public static void Before(INatsConnection connection, Func<string, string, bool> condition, Func<Task> meanwhile)
    {
        var proxy = (PausingConnection)(object)connection;
        proxy._meanwhile = meanwhile;
        proxy._condition = condition;
    }

    /// <summary>Whether what was to be done has been.</summary>
    public static bool IsDone(INatsConnection connection) => ((PausingConnection)(object)connection)._condition is null;

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod!.Name == nameof(INatsConnection.RequestAsync)
            && _condition is { } condition
            && condition((string)args![0]!, args[1] is byte[] payload ? System.Text.Encoding.UTF8.GetString(payload) : ""))
        {
            _condition = null;
            return new ValueTask<NatsMsg<byte[]>>(LaterAsync());
        }

        return targetMethod.Invoke(_inner, args);

        async Task<NatsMsg<byte[]>> LaterAsync()
        {
            await _meanwhile!();
            return await (ValueTask<NatsMsg<byte[]>>)targetMethod.Invoke(_inner, args)!;
        }
    }
}

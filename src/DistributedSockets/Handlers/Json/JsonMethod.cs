using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>The method for one type of message.</summary>
/// <param name="type">The name of the type.</param>
internal abstract class JsonMethod(string type)
{
    internal string Type => type;

    /// <summary>Reads the message, calls the method, and has the handler answer what goes wrong.</summary>
    internal abstract ValueTask InvokeAsync(JsonWebSocketHandler handler, WebSocketMessage message, CancellationToken cancellationToken);

    /// <summary>Waits for a method that has not completed at once, as many do.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private protected async ValueTask CompleteAsync(ValueTask call, JsonWebSocketHandler handler, WebSocketMessage message, CancellationToken cancellationToken)
    {
        try
        {
            await call;
        }
        catch (Exception exception) when (!handler.Connection.IsOfEnding(exception))
        {
            await handler.AnswerFailureAsync(Type, exception, message, cancellationToken);
        }
    }
}

/// <summary>A method that takes what the message holds.</summary>
internal sealed class JsonMethod<THandler, T>(string type, Func<THandler, T, CancellationToken, ValueTask> method, JsonTypeInfo<T>? jsonTypeInfo)
    : JsonMethod(type)
    where THandler : JsonWebSocketHandler
{
    internal override ValueTask InvokeAsync(JsonWebSocketHandler handler, WebSocketMessage message, CancellationToken cancellationToken)
    {
        T value;
        try
        {
            value = message.ReadJson(jsonTypeInfo);
        }
        catch (InvalidJsonException exception)
        {
            return handler.AnswerInvalidJsonAsync(exception, message, cancellationToken);
        }

        ValueTask call;
        try
        {
            call = method((THandler)handler, value, cancellationToken);
        }
        catch (Exception exception)
        {
            call = ValueTask.FromException(exception);
        }

        return call.IsCompletedSuccessfully ? call : CompleteAsync(call, handler, message, cancellationToken);
    }
}

/// <summary>A method for which the type says all.</summary>
internal sealed class BareJsonMethod<THandler>(string type, Func<THandler, CancellationToken, ValueTask> method) : JsonMethod(type)
    where THandler : JsonWebSocketHandler
{
    internal override ValueTask InvokeAsync(JsonWebSocketHandler handler, WebSocketMessage message, CancellationToken cancellationToken)
    {
        try
        {
            JsonMethods.CheckWhole(message);
        }
        catch (InvalidJsonException exception)
        {
            return handler.AnswerInvalidJsonAsync(exception, message, cancellationToken);
        }

        ValueTask call;
        try
        {
            call = method((THandler)handler, cancellationToken);
        }
        catch (Exception exception)
        {
            call = ValueTask.FromException(exception);
        }

        return call.IsCompletedSuccessfully ? call : CompleteAsync(call, handler, message, cancellationToken);
    }
}

/// <summary>Answers a message of a type that nobody has registered a method for.</summary>
internal sealed class UnknownJsonMethod(string type) : JsonMethod(type)
{
    internal override ValueTask InvokeAsync(JsonWebSocketHandler handler, WebSocketMessage message, CancellationToken cancellationToken) =>
        handler.AnswerUnknownTypeAsync(Type, message, cancellationToken);
}

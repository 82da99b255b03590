namespace DistributedSockets;

/// <summary>One question that a client has been asked.</summary>
/// <param name="id">Its id, which the client's answer repeats.</param>
internal sealed class OpenQuestion(string id)
{
    private readonly TaskCompletionSource<CommandAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously); // the reader goes on reading

    internal string Id => id;

    /// <summary>The answer, or how the question ended without one.</summary>
    internal Task<CommandAnswer> Answer => _answer.Task;

    internal bool TryEnd(in CommandAnswer answer) => _answer.TrySetResult(answer);
}

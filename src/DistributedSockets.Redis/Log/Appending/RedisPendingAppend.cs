using System.Buffers;

namespace DistributedSockets;

/// <summary>An append that waits to be sent, or to be answered.</summary>
/// <remarks>
/// Holds copies of what the caller lent: one that is given up may be sent all the same. The copy of the payload goes back to the pool when
/// Redis has answered; otherwise the multiplexer may still read it, and it is left to the garbage collector.
/// </remarks>
internal sealed class RedisPendingAppend
{
    private const int Waiting = 0;
    private const int Sent = 1;
    private const int Abandoned = 2;

    private readonly TaskCompletionSource<LogAppendResult> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _payload;
    private int _state;

    public RedisPendingAppend(LogAppend append)
    {
        Targets = [.. append.Targets];
        Key = append.IdempotencyKey;
        Fence = append.Fence;
        Length = append.Payload.Length;
        _payload = ArrayPool<byte>.Shared.Rent(Length);
        append.Payload.CopyTo(_payload);
    }

    public LogTarget[] Targets { get; }

    public string? Key { get; }

    public SessionFence? Fence { get; }

    public int Length { get; }

    public ReadOnlyMemory<byte> Payload => _payload.AsMemory(0, Length);

    public Task<LogAppendResult> Answer => _answer.Task;

    /// <summary>Begins to send it, unless it was given up.</summary>
    public bool TrySend() => Interlocked.CompareExchange(ref _state, Sent, Waiting) != Abandoned;

    /// <summary>Gives it up.</summary>
    /// <returns>Whether it has not been sent, and never will be.</returns>
    public bool TryAbandon() => Interlocked.CompareExchange(ref _state, Abandoned, Waiting) != Sent;

    public void Complete(LogAppendResult result) => _answer.TrySetResult(result);

    public void Fail(Exception cause)
    {
        _answer.TrySetException(cause);
        _answer.Task.Observe();
    }

    /// <summary>Gives the copy of the payload back. It must have been answered, or never sent.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _payload, null) is { } payload)
        {
            ArrayPool<byte>.Shared.Return(payload);
        }
    }
}
